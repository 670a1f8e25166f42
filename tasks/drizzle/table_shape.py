"""Whether the ledger's columns fit the folder's generation; mixing the two makes Drizzle run migrations again."""

from tasks.gate.plan import Folder, Ledger, Problem


def shape_problems(folder: Folder, ledger: Ledger) -> tuple[Problem, ...]:
    """One problem when the table belongs to the other generation (facts: Drizzle 4.2, 4.3)."""
    if not ledger.exists or ledger.has_name == (folder.generation == 1):
        return ()
    place = f"{ledger.schema_name}.{ledger.table}"
    if folder.generation == 0:
        return (
            Problem(
                kind="generation",
                cause=f"{place} was upgraded by Drizzle 1.0 (it has the column name), but {folder.path} is a journal"
                " of Drizzle 0.x: rows written for it would have no name, and Drizzle 1.0 would run them again",
                remedy="release from the commit whose folder `drizzle-kit up` has moved to Drizzle 1.0",
            ),
        )
    return (
        Problem(
            kind="generation",
            cause=f"{place} has the shape of Drizzle 0.x (no column name), but {folder.path} is of Drizzle 1.0",
            remedy="run the migrate of Drizzle 1.0 once from the commit that moved the folder, while nothing else is"
            " pending: it upgrades the table; look for migrations that 0.x had skipped first, they would run then",
        ),
    )
