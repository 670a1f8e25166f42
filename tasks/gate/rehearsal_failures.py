"""A statement that fails in the rehearsal, in words that help, without the values that the server quotes."""

from tasks.gate.errors import GateError, Refused

VALUES = "22"  # the class of errors whose message quotes a value of a row: invalid input syntax for type integer: "..."
WITHHELD = "(the value is not shown)"
HINTS = {
    "23505": "the data holds duplicates: find them in production, settle them in a migration before this one",
    "23502": "the data holds NULL there: fill it in a migration before this one, or give the column a default",
    "23503": "the data holds rows without the row that they refer to: settle them in a migration before this one",
    "23514": "the data holds rows that break the rule: settle them in a migration before this one",
    "23P01": "the data holds rows that exclude each other: settle them in a migration before this one",
    "0A000": "if an extension is meant, install it where the scratch server runs, or set GATE_SCRATCH_URL",
    "58P01": "if an extension is meant, install it where the scratch server runs, or set GATE_SCRATCH_URL",
    "55P04": "release the migration that adds the value first, then the one that uses it",
    "53100": "give the scratch server more disk; production needs the room as well",
}
OTHERWISE = "correct the migration, and start again"


def refusal(failure: GateError) -> Refused:
    """What to tell of a migration that failed on the restored copy.

    Args:
        failure: as `apply` raised it: `tag`, `index`, `line`, `sqlstate` and `server_message` among its nouns, where
            the failure has them.
    """
    nouns = failure.nouns
    code = str(nouns.get("sqlstate") or "")
    return Refused(
        f"the rehearsal failed at {told(failure)}",
        hint=f"production is untouched; {HINTS.get(code, OTHERWISE)}",
        tag=nouns.get("tag"),
        index=nouns.get("index"),
        line=nouns.get("line"),
        sqlstate=code or None,
    )


def told(failure: GateError) -> str:
    """Where and why: `0003_x, statement 2 (line 14): column "phone" contains null values (23502)`."""
    code = str(failure.nouns.get("sqlstate") or "")
    said = withheld(str(failure.nouns.get("server_message") or failure.message), code)
    return f"{_where(failure.nouns)}: {said}{f' ({code})' if code else ''}"


def withheld(message: str, sqlstate: str) -> str:
    """The server's sentence without a value of a row in it; names of constraints, tables and columns stay."""
    before, quoted, _ = message.partition(': "')
    return f"{before}: {WITHHELD}" if quoted and sqlstate.startswith(VALUES) else message


def _where(nouns: dict[str, object]) -> str:
    tag, index, line = nouns.get("tag"), nouns.get("index"), nouns.get("line")
    if tag is None:
        return "COMMIT"
    statement = f", statement {index + 1}" if isinstance(index, int) else ""
    return f"{tag}{statement}{f' (line {line})' if line else ''}"
