"""Evidence of one release, built from the real models: a plan, checks, a backup, a rehearsal, an apply, a recovery."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tasks.gate.accounts import Accounts, TableAccount, account_sentence
from tasks.gate.applied import Applied, AppliedStatement, Verified, applied_sentence
from tasks.gate.evidence import Finding, Verdict, Waiver
from tasks.gate.fingerprint import Fingerprint, TablePrint
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest, Proof, StoredObject
from tasks.gate.model import sha256
from tasks.gate.plan import Migration, Plan, PlannedMigration, Rollback, State
from tasks.gate.recovery import Recovery, Rung
from tasks.gate.rehearsal import Lock, Rehearsal, RehearsedStatement, RollbackRehearsal, RowChanges

RELEASE = "20261123-140000-shop-3fa94c"
TARGET = "shop"
START = datetime(2026, 11, 23, 14, 0, 0, tzinfo=UTC)
BACKUP = "backup-20261123-140007"

IDENTITY = Identity(
    system_identifier="7443210987654321098",
    database_oid=16384,
    database="shop",
    timeline=1,
    server_version_num=180006,
    server_version="18.6",
)

STATEMENTS = (
    'ALTER TABLE "orders" ADD COLUMN "channel" text DEFAULT \'web\' NOT NULL;',
    'CREATE INDEX "orders_channel_idx" ON "orders" USING btree ("channel","placed_at");',
    (
        "-- orders of wholesale customers came in by telephone\n"
        'UPDATE "orders" SET "channel" = \'phone\'\n FROM "customers"\n'
        ' WHERE "customers"."id" = "orders"."customer_id" AND "customers"."wholesale";'
    ),
)


def migration(tag: str = "0004_order_channel", statements: Sequence[str] = STATEMENTS) -> Migration:
    """A pending migration."""
    text = "--> statement-breakpoint".join(statements)
    return Migration(
        tag=tag,
        file=f"{tag}.sql",
        hash=sha256(text.encode()),
        created_at=1764000000000,
        name=None,
        statements=tuple(statements),
    )


def plan(
    *, applied: int = 4, pending: Sequence[Migration] | None = None, hazards: Sequence[str] = (), **changed: Any
) -> Plan:
    """A plan with so many applied and the given pending migrations."""
    todo = (migration(),) if pending is None else tuple(pending)
    done = [PlannedMigration(tag=f"{i:04d}_earlier", state=State.APPLIED) for i in range(applied)]
    rollback = Rollback(
        tag="0004_order_channel",
        file="rollback/rollback_20261120_101500_order_channel.sql",
        sha256=sha256(b"rollback"),
        text='DROP INDEX "orders_channel_idx";\nALTER TABLE "orders" DROP COLUMN "channel";\n',
    )
    return Plan(
        target=TARGET,
        identity=IDENTITY,
        tool="drizzle",
        generation=0,
        ledger_schema="drizzle",
        ledger_table="__drizzle_migrations",
        ledger_head=sha256(b"head"),
        migrations=(*done, *(PlannedMigration(tag=m.tag, state=State.PENDING) for m in todo)),
        pending=todo,
        rollbacks=(rollback,) if todo else (),
        hazards=tuple(hazards),
        tools={"gate": "0.1.0", "pg_dump": "18.6"},
        **changed,
    )


def findings() -> tuple[Finding, ...]:
    """A checklist with every verdict but a failure."""
    diff = ("--- replay", "+++ staging", "@@ -12,3 +12,4 @@", " CREATE TABLE public.orders (", "+    note text,", " );")
    return (
        _finding("replay", "Replayed from empty", "5 migrations ran from an empty database in 0.8 s"),
        _finding("staging-ledger", "Tested in staging", "all 5 migrations are there, with the hashes of these files"),
        _finding(
            "staging-schema",
            "No drift in staging",
            "staging differs from the replay in 1 line",
            Verdict.WAIVED,
            evidence=diff,
            hint="bring staging back to what the migrations say",
            waiver=Waiver(check="staging-schema", reason="the note column is a spike, gone tomorrow", by="mira"),
        ),
        _finding("staging-health", "Staging is well", "http://127.0.0.1:8081/health answered 200 in 12 ms"),
        _finding("rollback", "Rollback SQL", "every pending migration has rollback SQL"),
        _finding("review", "Reviewed by the team", "no review is configured", Verdict.NOT_CONFIGURED),
        _finding(
            "old-transactions",
            "No old transaction",
            "1 transaction is older than a minute",
            Verdict.WARN,
            evidence=("pid 4711, psql, 3 min 12 s, idle in transaction",),
            hint="end it, or it may hold the locks that the migration needs",
        ),
        _finding("primary", "Production is a primary", "it is, on timeline 1"),
    )


def _finding(check: str, title: str, sentence: str, verdict: Verdict = Verdict.PASS, **more: Any) -> Finding:
    return Finding(check=check, title=title, verdict=verdict, sentence=sentence, seconds=0.02, **more)


def proof() -> Proof:
    """The proof of the sample backup."""
    return Proof(
        backup=BACKUP,
        proved_at="2026-11-23T14:00:14+00:00",
        manifest_sha256=sha256(b"manifest"),
        read_back_seconds=0.21,
        restore_seconds=2.94,
        compare_seconds=0.88,
        server_version="18.6",
        tables=9,
        rows=212_408,
    )


def manifest() -> Manifest:
    """The manifest of the sample backup."""
    return Manifest(
        id=BACKUP,
        target=TARGET,
        identity=IDENTITY,
        taken_at="2026-11-23T14:00:07+00:00",
        finished_at="2026-11-23T14:00:09+00:00",
        snapshot_lsn="0/5A000028",
        dump=StoredObject(key=f"shop/backups/{BACKUP}/dump.zst", bytes=8_412_776, sha256=sha256(b"dump")),
        globals=None,
        compression="zstd",
        raw_bytes=41_002_311,
        client="pg_dump (PostgreSQL) 18.6",
        archive_format="1.16",
        fingerprint=Fingerprint(
            tables={"public.orders": TablePrint(rows=120_000, hash="1")},
            sequences={},
            extensions={},
            owners={},
            grants={},
            large_objects=0,
        ),
        how_to=(
            f"aws s3 cp s3://backups/shop/backups/{BACKUP}/dump.zst .",
            "zstd -d dump.zst",
            "createdb shop_restored",
            "pg_restore --dbname=shop_restored --exit-on-error dump",
        ),
    )


def rehearsal(*, rollback: RollbackRehearsal | None = None, statements: int = 3, **changed: Any) -> Rehearsal:
    """A rehearsal of the sample plan."""
    exclusive = Lock(relation="public.orders", mode="AccessExclusiveLock", held_seconds=1.31)
    share = Lock(relation="public.orders", mode="ShareLock", held_seconds=0.92)
    rehearsed = [
        RehearsedStatement(
            tag="0004_order_channel",
            index=index,
            sql=STATEMENTS[index % 3],
            seconds=(0.004, 0.31, 0.92)[index % 3],
            locks=((exclusive,), (share,), ())[index % 3],
            index_builds=((), ("public.orders_channel_idx",), ())[index % 3],
            rows=((), (), (RowChanges(table="public.orders", updated=18_222),))[index % 3],
            wal_bytes=(12_312, 4_112_008, 9_220_118)[index % 3],
            size_delta=(0, 4_112_384, 6_201_344)[index % 3],
        )
        for index in range(statements)
    ]
    holds = RollbackRehearsal(
        available=True, ran=True, schema_equal=True, data_equal=True, ledger_equal=True, again=True, seconds=0.06
    )
    return Rehearsal(
        statements=tuple(rehearsed),
        seconds=1.33,
        schema_sha256=sha256(b"schema"),
        schema_text="CREATE TABLE public.orders ();\n",
        rollback=rollback or holds,
        **changed,
    )


def applied() -> Applied:
    """The sample plan, committed."""
    return Applied(
        sentence=applied_sentence(3, 1.62, 2),
        started_at="2026-11-23T14:06:12+00:00",
        finished_at="2026-11-23T14:06:14+00:00",
        seconds=1.62,
        attempts=2,
        ledger_head=sha256(b"after"),
        xid="81244",
        lsn="0/5C01A2F8",
        timeline=1,
        statements=tuple(
            AppliedStatement(tag="0004_order_channel", index=i, seconds=s) for i, s in enumerate((0.011, 0.42, 1.1))
        ),
    )


def verified() -> Verified:
    """Everything looked at afterwards was as it should be."""
    return Verified(
        sentence="ledger and schema as rehearsed, health answered 200; watched for 2.0 s",
        seconds=2.2,
        watched_seconds=2.0,
        checks=(
            "the ledger ends with exactly the plan's rows",
            "the schema is the rehearsed one",
            "health answered 200",
        ),
    )


def recovery() -> Recovery:
    """Brought back from the backup."""
    tables = (
        TableAccount(table="public.orders", inserted=212, rows_failed=120_212, rows_restored=120_000),
        TableAccount(table="public.order_items", inserted=530, rows_failed=360_530, rows_restored=360_000),
        TableAccount(table="public.customers", updated=3, deleted=1, rows_failed=9_999, rows_restored=10_000),
    )
    failed = f"shop_failed_{RELEASE}"
    said = account_sentence(failed, tables)
    accounts = Accounts(failed_database=failed, tables=tables, compared=9, sentence=said)
    return Recovery(
        rung=Rung.RESTORE,
        sentence=f"production is as it was at 2026-11-23 14:00:07 UTC: {BACKUP} was restored, proved and swapped in; "
        f"{accounts.sentence}",
        failed_database=accounts.failed_database,
        accounts=accounts,
    )
