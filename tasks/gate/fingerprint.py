"""What a database held at one moment: counts, content hashes, sequences, owners; and how two of them differ."""

from tasks.gate.model import Model


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
    grants: dict[str, str]  # object to its ACL as text, grantees in a stable order
    large_objects: int
    large_objects_hash: str = "0"
    materialized: dict[str, bool] = {}  # materialised view to "is populated"


def differences(expected: Fingerprint, found: Fingerprint) -> tuple[str, ...]:
    """Every difference in words, worst first; empty when the two agree.

    Args:
        expected: what the manifest says of the original.
        found: what the restored copy holds.
    """
    return (
        *_tables(expected.tables, found.tables),
        *_sequences(expected.sequences, found.sequences),
        *_texts("extension", expected.extensions, found.extensions),
        *_texts("owner of", expected.owners, found.owners),
        *_texts("grants on", expected.grants, found.grants),
        *_large_objects(expected, found),
        *(
            f"materialised view {name}: populated {state} expected, {found.materialized.get(name)} found"
            for name, state in sorted(expected.materialized.items())
            if found.materialized.get(name) != state
        ),
    )


def _tables(expected: dict[str, TablePrint], found: dict[str, TablePrint]) -> list[str]:
    lines = [f"table {name} is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"table {name} was not expected" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        want, got = expected[name], found[name]
        if want.rows != got.rows:
            lines.append(f"table {name}: {want.rows} rows expected, {got.rows} found")
        elif want.hash != got.hash:
            lines.append(f"table {name}: {want.rows} rows as expected, but their content differs")
    return lines


def _sequences(expected: dict[str, SequencePrint], found: dict[str, SequencePrint]) -> list[str]:
    lines = [f"sequence {name} is missing" for name in sorted(expected.keys() - found.keys())]
    for name in sorted(expected.keys() & found.keys()):
        want, got = expected[name], found[name]
        if want != got:
            lines.append(f"sequence {name}: at {want.last_value} expected, at {got.last_value} found")
    return lines


def _texts(what: str, expected: dict[str, str], found: dict[str, str]) -> list[str]:
    return [
        f"{what} {name}: {expected.get(name, 'none')} expected, {found.get(name, 'none')} found"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]


def _large_objects(expected: Fingerprint, found: Fingerprint) -> list[str]:
    if expected.large_objects != found.large_objects:
        return [f"large objects: {expected.large_objects} expected, {found.large_objects} found"]
    if expected.large_objects_hash != found.large_objects_hash:
        return [f"large objects: {expected.large_objects} as expected, but their content differs"]
    return []
