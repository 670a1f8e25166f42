"""What refuses a release from folders, each with its name, its cause, what Drizzle would do, and what to type."""

from tasks.gate.plan import LedgerRow, Migration, Problem


def renamed(migration: Migration, row: LedgerRow, place: str) -> Problem:
    """Its text ran under another name."""
    return Problem(
        kind="renamed",
        tag=migration.tag,
        cause=f"{migration.tag} has the content that ran as {row.name} (row {row.id} of {place}): the folder was"
        " renamed",
        drizzle="runs it a second time",
        remedy=f"rename the folder back to {row.name}; or `gate repair rename {migration.tag}`, which gives the row the"
        " new name; if it is meant to run a second time, change its text",
    )


def unnamed(row: LedgerRow, same: str | None, place: str) -> Problem:
    """Drizzle 0.x wrote it into an upgraded table; `same` is the folder with its hash."""
    what = f"the row of {same} by its hash" if same else f"hash {row.hash[:12]}"
    remedy = "stop migrating this database with Drizzle 0.x; "
    remedy += (
        f"`gate repair name {same}`" if same else f"find out what row {row.id} is, or `gate repair forget {row.id}`"
    )
    return Problem(
        kind="unnamed",
        tag=same,
        cause=f"row {row.id} of {place} has no name ({what}): Drizzle 0.x wrote it into a table of Drizzle 1.0",
        drizzle="0.x goes on writing such rows; 1.0 does not see them, and runs those migrations again",
        remedy=remedy,
    )


def duplicate(name: str, times: int, place: str) -> Problem:
    """One folder, several rows."""
    return Problem(
        kind="duplicate",
        tag=name,
        cause=f"{place} holds {times} rows named {name}: it ran {times} times, probably by two migrators at once",
        drizzle="notices nothing and exits 0",
        remedy="find out whether its statements took effect twice and put that right; then `gate repair` lists which"
        " rows to `forget`",
    )


def unknown(row: LedgerRow, place: str) -> Problem:
    """A row of no folder."""
    return Problem(
        kind="unknown",
        tag=row.name,
        cause=f"row {row.id} of {place}, {row.name}, belongs to no folder here",
        drizzle="ignores it",
        remedy="release from a commit that has that migration; if the row was made by hand,"
        f" `gate repair forget {row.id}`",
    )


def no_stamp(migration: Migration, digits: int) -> Problem:
    """A name without a time."""
    return Problem(
        kind="no-stamp",
        tag=migration.tag,
        cause=f"the folder {migration.tag} does not begin with {digits} digits of time",
        drizzle="runs its SQL and fails at its row (22P02), which rolls everything back",
        remedy="name it YYYYMMDDHHMMSS_name, as drizzle-kit does",
    )


def ambiguous_order(migration: Migration) -> Problem:
    """Folders of one second are ordered by the rest of their names."""
    return Problem(
        kind="order",
        tag=migration.tag,
        cause=f"{migration.tag} shares its second with another pending folder, and the place of its name depends on the"
        " locale of the machine that runs Drizzle",
        drizzle="runs the two in one order here and in another one there",
        remedy="give it a second of its own",
    )
