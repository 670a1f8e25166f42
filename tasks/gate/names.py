"""Names of the databases that recovery leaves beside production, recognisable, never longer than PostgreSQL allows."""

NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL would cut a longer name silently


def failed_name(database: str, release_id: str) -> str:
    """What production is called after another database took its name: `shop_failed_20261123-140509-shop-1a2b3c`."""
    return _beside(database, "failed", release_id)


def restore_name(database: str, release_id: str) -> str:
    """What the backup is restored as, until it takes production's name."""
    return _beside(database, "restore", release_id)


def _beside(database: str, word: str, release_id: str) -> str:
    whole = f"{database}_{word}_{release_id}"
    if len(whole.encode()) <= NAME_BYTES:
        return whole
    tail = f"_{word}_{_shortened(release_id)}"
    return _cut(database, NAME_BYTES - len(tail.encode())) + tail


def _shortened(release_id: str) -> str:
    """Date, time and the random part, without the target's name between them."""
    parts = release_id.split("-")
    short = "-".join([*parts[:2], parts[-1]]) if len(parts) > 3 else release_id  # noqa: PLR2004
    return _cut(short, 40)


def _cut(text: str, length: int) -> str:
    """At most so many bytes of UTF-8, never half a character."""
    return text.encode()[:length].decode(errors="ignore")
