"""dbmate's rule: a version that is not in the table is pending, wherever it stands."""

from collections.abc import Sequence

from tasks.gate.plan import Folder, Ledger, Migration, PlannedMigration, Problem, State

States = tuple[tuple[PlannedMigration, ...], tuple[Migration, ...], tuple[Problem, ...]]


def states(folder: Folder, ledger: Ledger, now_ms: int) -> States:  # noqa: ARG001
    """What each migration is, what is pending in the order of execution, and what refuses the release."""
    applied = {row.name for row in ledger.rows}
    newest = max((m.file for m in folder.migrations if m.name in applied), default="")
    pending = tuple(m for m in folder.migrations if m.name not in applied)
    known = {m.name for m in folder.migrations}
    strangers = [row.name for row in ledger.rows if row.name not in known]
    tags = {m.tag for m in pending}
    lines = [
        *(_line(m, newest, pending=m.tag in tags) for m in folder.migrations),
        *(
            PlannedMigration(tag=f"version {name}", state=State.UNKNOWN, sentence="in the ledger, no file here")
            for name in strangers
        ),
    ]
    problems = (
        *(p for p in folder.problems if p.tag in tags),
        *(_unknown(name, ledger) for name in strangers),
    )
    return tuple(lines), pending, problems


def remarks(lines: Sequence[PlannedMigration], pending: Sequence[Migration]) -> tuple[str, ...]:  # noqa: ARG001
    """What runs after younger ones."""
    return tuple(f"{line.tag} is {line.sentence}" for line in lines if line.state is State.PENDING and line.sentence)


def _line(migration: Migration, newest: str, *, pending: bool) -> PlannedMigration:
    if not pending:
        return PlannedMigration(tag=migration.tag, state=State.APPLIED)
    late = f"older than {newest}, which is applied already" if migration.file < newest else ""
    return PlannedMigration(tag=migration.tag, state=State.PENDING, sentence=late)


def _unknown(version: str | None, ledger: Ledger) -> Problem:
    return Problem(
        kind=State.UNKNOWN,
        tag=version,
        cause=f"version {version} of {ledger.schema_name}.{ledger.table} belongs to no file of this folder",
        drizzle="",
        remedy="release from a commit that has that migration; if the row was made by hand, delete it",
    )
