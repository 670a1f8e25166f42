"""Production's schema as it was just before the apply, kept so that a recovery can show that it is back."""

import re
from contextlib import suppress
from typing import NamedTuple

from psycopg import sql

from tasks.clients import postgres
from tasks.clients.object_store import AlreadyThere, NotThere, ObjectStore
from tasks.clients.programs import find
from tasks.clients.schema_text import normalised, schema_difference, schema_text
from tasks.clients.sessions import exclusive_holders
from tasks.gate.errors import Refused
from tasks.gate.plan import Plan, Purpose
from tasks.gate.wording import listing
from tasks.record import Record
from tasks.release import Release
from tasks.target_log import TargetLog
from tasks.workshop import production_url

RECENT = 20  # releases


class KeptSchema(NamedTuple):
    """A schema text of production, with owners and grants."""

    release: str  # just before which it was taken
    text: str


def keep_schema_before(release: Release, plan: Plan) -> None:
    """Store the schema with its owners and grants; the first one stays, so a second run changes nothing.

    Raises:
        Refused: pg_dump cannot read it, for example because somebody holds a lock for long.
    """
    if release.store.size(_key(release.target, release.id)) is not None:
        return
    text = _schema_now(release, plan)
    with suppress(AlreadyThere):
        release.store.create(_key(release.target, release.id), text.encode())


def changes_since_before(release: Release, plan: Plan) -> tuple[str, ...] | None:
    """The lines in which production's schema differs from what it was before the apply; None when nobody kept it."""
    try:
        before = release.store.read(_key(release.target, release.id)).decode()
    except NotThere:
        return None
    return schema_difference(before, _schema_now(release, plan), "before the release", "production now")


def production_schema(release: Release, plan: Plan, *, owners: bool = False) -> str:
    """Production's schema without the ledger, as `schema_text` tells it.

    Raises:
        Refused: pg_dump cannot read it; the sentence names who holds a lock.
    """
    programs = find(plan.identity.major, release.settings.pg_bin, server=False)
    ledger, url = (plan.ledger_schema, plan.ledger_table), production_url(release.settings)
    try:
        return schema_text(url, programs, exclude_ledger=ledger, owners=owners)
    except Refused as refusal:
        with postgres.connect(url, purpose="who", read_only=True) as connection:
            who = exclusive_holders(connection)
        held = f"; locked by {listing(who)}" if who else ""
        raise Refused(f"{refusal.message}{held}", hint=refusal.hint) from None


def _schema_now(release: Release, plan: Plan) -> str:
    return without_ledger_schema(production_schema(release, plan, owners=True), plan.ledger_schema)


def without_ledger_schema(text: str, schema: str) -> str:
    """Leave the ledger's own schema out: Drizzle creates it outside of the transaction, so it outlives a rollback."""
    name = sql.Identifier(schema).as_string(None)
    names = "|".join(re.escape(n) for n in {schema, name})
    return normalised(
        re.sub(rf"^(CREATE SCHEMA (?:{names});|ALTER SCHEMA (?:{names}) OWNER TO .*;)\n", "", text, flags=re.MULTILINE)
    )


def kept_schema(store: ObjectStore, target: str, rollback: Plan) -> KeptSchema | None:
    """Production's schema before the release that found the ledger as this rollback leaves it; None if unknown.

    Only recent releases are looked at: an old schema says more about what happened since than about the rollback.
    """
    for known in TargetLog(store, target).releases(RECENT):
        if not Record.exists(store, target, known.release):
            continue
        planned = Record.open(store, target, known.release).last("planned")
        plan = Plan.model_validate(planned.body["plan"]) if planned else None
        if plan is None or plan.purpose is not Purpose.RELEASE or plan.ledger_head != rollback.ledger_head_after:
            continue
        if store.size(_key(target, known.release)) is not None:
            return KeptSchema(known.release, store.read(_key(target, known.release)).decode())
    return None


def _key(target: str, release_id: str) -> str:
    # Not below releases/<id>/: everything there is a link of the record's chain.
    return f"{target}/schemas/{release_id}-before.sql"
