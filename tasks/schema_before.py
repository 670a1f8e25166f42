"""Production's schema as it was just before the apply, kept so that a recovery can show that it is back."""

import re
from contextlib import suppress

from psycopg import sql

from tasks.clients import postgres
from tasks.clients.object_store import AlreadyThere, NotThere
from tasks.clients.programs import find
from tasks.clients.schema_text import normalised, schema_difference, schema_text
from tasks.clients.sessions import exclusive_holders
from tasks.gate.errors import Refused
from tasks.gate.plan import Plan
from tasks.gate.wording import listing
from tasks.release import Release
from tasks.workshop import production_url


def keep_schema_before(release: Release, plan: Plan) -> None:
    """Store the schema with its owners and grants; the first one stays, so a second run changes nothing.

    Raises:
        Refused: pg_dump cannot read it, for example because somebody holds a lock for long.
    """
    if release.store.size(_key(release)) is not None:
        return
    try:
        text = _schema_now(release, plan)
    except Refused as refusal:
        with postgres.connect(production_url(release.settings), purpose="who", read_only=True) as connection:
            who = exclusive_holders(connection)
        held = f"; locked by {listing(who)}" if who else ""
        raise Refused(f"{refusal.message}{held}", hint=refusal.hint) from None
    with suppress(AlreadyThere):
        release.store.create(_key(release), text.encode())


def changes_since_before(release: Release, plan: Plan) -> tuple[str, ...] | None:
    """The lines in which production's schema differs from what it was before the apply; None when nobody kept it."""
    try:
        before = release.store.read(_key(release)).decode()
    except NotThere:
        return None
    return schema_difference(before, _schema_now(release, plan), "before the release", "production now")


def _schema_now(release: Release, plan: Plan) -> str:
    programs = find(plan.identity.major, release.settings.pg_bin, server=False)
    ledger = (plan.ledger_schema, plan.ledger_table)
    text = schema_text(production_url(release.settings), programs, exclude_ledger=ledger, owners=True)
    return _without_schema(text, plan.ledger_schema)


def _without_schema(text: str, schema: str) -> str:
    """Leave the ledger's own schema out: Drizzle creates it outside of the transaction, so it outlives a rollback."""
    name = sql.Identifier(schema).as_string(None)
    names = "|".join(re.escape(n) for n in {schema, name})
    return normalised(
        re.sub(rf"^(CREATE SCHEMA (?:{names});|ALTER SCHEMA (?:{names}) OWNER TO .*;)\n", "", text, flags=re.MULTILINE)
    )


def _key(release: Release) -> str:
    # Not below releases/<id>/: everything there is a link of the record's chain.
    return f"{release.target}/schemas/{release.id}-before.sql"
