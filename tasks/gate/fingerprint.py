"""What a database held at one moment: counts, content hashes, sequences, owners; and how two of them differ."""

from collections.abc import Mapping

from pydantic import Field

from tasks.gate.model import Model
from tasks.gate.wording import count, number


class TablePrint(Model):
    """A table's rows, without their order."""

    rows: int
    hash: str  # sum of hashtextextended(row::text, 0) as a decimal number; "0" when empty


class SequencePrint(Model):
    """A sequence's state."""

    last_value: int
    is_called: bool


class Fingerprint(Model):
    """Everything that a restore must bring back, taken in one snapshot.

    Keys are quoted, schema-qualified names as PostgreSQL's format('%I.%I') writes them.
    """

    tables: dict[str, TablePrint]
    sequences: dict[str, SequencePrint]
    extensions: dict[str, str]  # name to version
    owners: dict[str, str]  # relation, schema, function to its owner
    grants: dict[str, str]  # object to its ACL as text, grantees in a stable order; none where it is the default
    large_objects: int
    large_objects_hash: str = "0"
    materialized: dict[str, bool] = Field(default_factory=dict)  # materialised view to "is populated"


def differences(
    expected: Fingerprint, found: Fingerprint, *, later: Mapping[str, SequencePrint] | None = None
) -> tuple[str, ...]:
    """Every difference in words, worst first; empty when the two agree.

    Args:
        expected: what the manifest says of the original.
        found: what the restored copy holds.
        later: sequences that moved while the dump ran, as they were at its end. A sequence is outside of every
            snapshot, so the dump may hold any state between the two.
    """
    return (
        *_tables(expected.tables, found.tables),
        *_sequences(expected.sequences, found.sequences, later or {}),
        *_texts("extension", expected.extensions, found.extensions),
        *_texts("owner of", expected.owners, found.owners),
        *_texts("grants on", expected.grants, found.grants, missing="the defaults"),
        *_large_objects(expected, found),
        *_materialized(expected.materialized, found.materialized),
    )


def _tables(expected: dict[str, TablePrint], found: dict[str, TablePrint]) -> list[str]:
    lines = [f"table {name} is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"table {name} was not expected" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        want, got = expected[name], found[name]
        if want.rows != got.rows:
            lines.append(f"table {name}: {count(want.rows, 'row')} expected, {number(got.rows)} found")
        elif want.hash != got.hash:
            lines.append(f"table {name}: {count(want.rows, 'row')} as expected, but their content differs")
    return lines


def _sequences(
    expected: dict[str, SequencePrint], found: dict[str, SequencePrint], later: Mapping[str, SequencePrint]
) -> list[str]:
    lines = [f"sequence {name} is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"sequence {name} was not expected" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        want, got, last = expected[name], found[name], later.get(name)
        if last is None and want != got:
            lines.append(f"sequence {name}: {_position(want)} expected, {_position(got)} found")
        elif last is not None and not _within(want, got, last):
            span = f"at {want.last_value} to {last.last_value}"
            lines.append(f"sequence {name}: {span} expected, {_position(got)} found")
    return lines


def _within(first: SequencePrint, got: SequencePrint, last: SequencePrint) -> bool:
    if got in (first, last):
        return True
    low, high = sorted((first.last_value, last.last_value))  # a sequence may count downwards
    return got.is_called and low <= got.last_value <= high


def _position(sequence: SequencePrint) -> str:
    return f"at {sequence.last_value}" if sequence.is_called else f"at {sequence.last_value}, not used yet,"


def _texts(what: str, expected: dict[str, str], found: dict[str, str], missing: str = "none") -> list[str]:
    return [
        f"{what} {name}: {expected.get(name, missing)} expected, {found.get(name, missing)} found"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]


def _large_objects(expected: Fingerprint, found: Fingerprint) -> list[str]:
    if expected.large_objects != found.large_objects:
        want, got = expected.large_objects, found.large_objects
        return [f"large objects: {number(want)} expected, {number(got)} found"]
    if expected.large_objects_hash != found.large_objects_hash:
        return [f"large objects: {number(expected.large_objects)} as expected, but their content or owners differ"]
    return []


def _materialized(expected: dict[str, bool], found: dict[str, bool]) -> list[str]:
    words = {True: "populated", False: "empty", None: "missing"}
    return [
        f"materialised view {name}: {words[expected.get(name)]} expected, {words[found.get(name)]} found"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
