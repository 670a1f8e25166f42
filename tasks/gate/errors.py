"""Every way in which the gate says no, each with the exit code that a script can rely on.

GateError
├── ConfigurationError      2   wrong usage, settings, or a server that cannot be reached at the start
├── Refused                 3   the checklist said no; production is untouched
├── Declined                4   a person said no, or nobody said yes in time; production is untouched
├── Recovered               5   failed, and production is as before
├── NotRecovered            6   failed, and a person is needed now
└── Busy                    7   another release holds the target
    └── Fenced              7   another process took this release over

Exit codes are append-only: 0 released or nothing pending, 130 interrupted.
"""

from typing import ClassVar


class GateError(Exception):
    """Something stopped the gate."""

    exit_code: ClassVar[int] = 1
    outcome: ClassVar[str] = "failed"

    def __init__(self, message: str = "", *, hint: str = "", **nouns: object) -> None:
        """Keep the sentence, what to do next, and the nouns it speaks of.

        Args:
            message: what was expected and what was found; lower case, no full stop. The docstring when empty.
            hint: what the reader should do now; may be empty.
            nouns: database, table, owner, expiry and the like, for machines.
        """
        self.message = message or (type(self).__doc__ or "").split("\n")[0].rstrip(".")
        self.hint = hint
        self.nouns = nouns
        super().__init__(self.message)

    @property
    def transaction(self) -> str | None:
        """The xid8, as text, of the transaction that it is about; None where none is known."""
        return str(self.nouns.get("transaction") or "") or None

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class ConfigurationError(GateError):
    """A setting is wrong, or a server cannot be reached with it."""

    exit_code = 2
    outcome = "misconfigured"


class Refused(GateError):
    """The checklist refused the release; production is untouched."""

    exit_code = 3
    outcome = "refused"


class Declined(GateError):
    """The release was rejected, or its approval expired; production is untouched."""

    exit_code = 4
    outcome = "rejected"


class Recovered(GateError):
    """The release failed, and production is as before."""

    exit_code = 5
    outcome = "recovered"


class NotRecovered(GateError):
    """The release failed and production was not brought back: a person is needed now."""

    exit_code = 6
    outcome = "not-recovered"


class Busy(GateError):
    """Another release holds the target."""

    exit_code = 7
    outcome = "busy"


class Fenced(Busy):
    """Another process took this release over, so this one stopped."""
