"""Whether the ledger's columns fit a journal; on a table of Drizzle 1.0, 0.x writes rows that 1.0 does not see."""

from tasks.gate.plan import Folder, Ledger, Problem


def shape_problems(folder: Folder, ledger: Ledger) -> tuple[Problem, ...]:
    """One problem when the table was upgraded and the folder was not (facts: Drizzle 4.3)."""
    if not ledger.exists or not ledger.has_name or folder.generation == 1:
        return ()
    place = f"{ledger.schema_name}.{ledger.table}"
    return (
        Problem(
            kind="upgraded-table",
            cause=f"{place} was upgraded by Drizzle 1.0 (it has the column name), but {folder.path} is a journal of"
            " Drizzle 0.x",
            drizzle="0.x writes rows without a name, exits 0, and 1.0 runs those migrations again",
            remedy="release from the commit whose folder `drizzle-kit up` has moved to Drizzle 1.0",
        ),
    )
