"""What changes around an approval that was honest when it was given: files, ledger, database, backup, policy, time."""

import shutil
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from tasks.backup_folder import MANIFEST, folder
from tasks.clients.address import make_url, parameters
from tasks.gate.ruling import Answer
from tests.attacks.stage import RULES, Attempt, Stage


def approved(stage: Stage, rules: str = RULES) -> Attempt:
    attempt = stage.attempt(rules)
    attempt.accepted("slack", "UBOB")
    return attempt


def a_migration_is_edited_after_the_yes(stage: Stage) -> Attempt:
    attempt = approved(stage)
    stage.swap_file(stage.project.folder / "0001_note.sql", b"DROP TABLE orders;")
    return attempt


def a_rollback_is_edited_after_the_yes(stage: Stage) -> Attempt:
    attempt = approved(stage)
    stage.swap_file(stage.project.folder / "rollback" / "0001_note.sql", b"DROP TABLE orders;")
    return attempt


def a_migration_is_added_after_the_yes(stage: Stage) -> Attempt:
    attempt = approved(stage)
    journal = stage.project.folder / "meta" / "_journal.json"
    before, tags = journal.read_bytes(), list(stage.project.tags)
    stage.afterwards.append(lambda: (journal.write_bytes(before), stage.project.tags.__setitem__(slice(None), tags)))
    stage.swap_file(stage.project.folder / "0002_more.sql", b"")
    stage.project.add("more", ("DROP TABLE orders;",))
    return attempt


def two_who_broke_the_glass_do_not_cover_an_edited_file(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    for identity in ("UANN", "UBOB"):
        attempt.accepted("slack", identity, break_glass=True, comment="now")
    stage.swap_file(stage.project.folder / "0001_note.sql", b"DROP TABLE orders;")
    return attempt


def somebody_else_moves_the_ledger(stage: Stage) -> Attempt:
    attempt = approved(stage)
    rows = "drizzle.__drizzle_migrations"
    stage.project.sql(stage.project.production, f"insert into {rows} (hash, created_at) values ('by hand', 1)")
    stage.afterwards.append(
        lambda: stage.project.sql(stage.project.production, f"delete from {rows} where hash = 'by hand'")
    )
    return attempt


def another_cluster_has_a_database_of_the_same_name(stage: Stage) -> Attempt:
    attempt = approved(stage)
    name = parameters(stage.project.production)["dbname"]
    stage.project.sql(stage.project.staging, f'create database "{name}"')
    stage.afterwards.append(lambda: stage.project.sql(stage.project.staging, f'drop database "{name}"'))
    return _pointed_at(stage, attempt, make_url({**parameters(stage.project.staging), "dbname": name}))


def another_database_of_the_same_cluster_is_production_now(stage: Stage) -> Attempt:
    attempt = approved(stage)
    return _pointed_at(stage, attempt, make_url({**parameters(stage.project.production), "dbname": "postgres"}))


def _pointed_at(stage: Stage, attempt: Attempt, url: SecretStr) -> Attempt:
    """Point this release, and what it shares with the others, at another database until the end of the case."""
    honest, elsewhere = stage.settings, stage.settings.model_copy(update={"production_url": url})
    attempt.release.settings = stage.workshop.settings = elsewhere
    stage.afterwards.append(lambda: setattr(stage.workshop, "settings", honest))
    return attempt


def the_schema_is_changed_by_hand_after_the_yes(stage: Stage) -> Attempt:
    attempt = approved(stage)
    stage.project.sql(stage.project.production, "create index by_hand on orders (total)")
    stage.afterwards.append(lambda: stage.project.sql(stage.project.production, "drop index by_hand"))
    return attempt


def the_backup_is_replaced_in_the_store(stage: Stage) -> Attempt:
    attempt = approved(stage)
    dump = _stored(stage) / "dump.zst"
    dump = dump if dump.exists() else next(p for p in _stored(stage).iterdir() if p.name.startswith("d"))
    stage.swap_file(dump, bytes(dump.stat().st_size))
    return attempt


def the_backup_is_gone_from_the_store(stage: Stage) -> Attempt:
    attempt = approved(stage)
    kept = stage.project.home / "kept-backup"
    shutil.move(_stored(stage), kept)
    stage.afterwards.append(lambda: shutil.move(kept, _stored(stage)))
    return attempt


def the_manifest_of_the_backup_is_edited(stage: Stage) -> Attempt:
    attempt = approved(stage)
    manifest = _stored(stage) / MANIFEST
    stage.swap_file(manifest, manifest.read_bytes().replace(b'"rows"', b'"rowz"', 1))
    return attempt


def _stored(stage: Stage):
    backup = next(body for kind, body in stage.events if kind == "backed_up")["backup"]
    return stage.project.home / "store" / folder("shop", backup)


def an_approver_is_removed_after_the_question(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    without = stage.policy('[approval]\napprovers = ["ann", "cyd"]\n')
    attempt.refused(Answer.VOID, "slack", "UBOB", policy=without)
    return attempt


def an_approver_is_removed_after_their_yes(stage: Stage) -> Attempt:
    attempt = approved(stage)
    stage.policy('[approval]\napprovers = ["ann", "cyd"]\n')
    return attempt


def somebody_makes_themselves_an_approver_after_the_question(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="ann")
    loose = stage.policy('[approval]\napprovers = ["ann", "bob", "cyd", "dan"]\nself_approval = true\n')
    attempt.refused(Answer.VOID, "slack", "UDAN", policy=loose)
    attempt.refused(Answer.VOID, "slack", "UANN", policy=loose)
    return attempt


def gate_toml_cannot_be_read_any_more(stage: Stage) -> Attempt:
    attempt = approved(stage)
    stage.settings.policy_file.write_text("[approval\n")
    return attempt


def the_release_is_frozen_until_the_approval_expires(stage: Stage) -> Attempt:
    attempt = approved(stage, RULES + '[[freeze]]\nstart = 2020-01-01\nend = 2099-01-01\nreason = "audit"\n')
    attempt.let_late(hours=3, minutes=59, seconds=57)
    return attempt


def the_window_is_closed_until_the_approval_expires(stage: Stage) -> Attempt:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%a").lower()
    attempt = approved(stage, RULES + f'[[window]]\ndays = ["{tomorrow}"]\n')
    attempt.let_late(hours=3, minutes=59, seconds=57)
    return attempt


def a_freeze_begins_after_the_yes(stage: Stage) -> Attempt:
    start = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    attempt = approved(stage, RULES + f'[[freeze]]\nstart = {start}\nend = 2099-01-01\nreason = "audit"\n')
    attempt.let_late(hours=3, minutes=59, seconds=57)
    return attempt


def an_approved_release_that_is_frozen_is_stopped(stage: Stage) -> Attempt:
    attempt = approved(stage, RULES + '[[freeze]]\nstart = 2020-01-01\nend = 2099-01-01\nreason = "audit"\n')
    attempt.release.record.append("holding", {"sentence": "waiting for the window", "until": ""})
    attempt.accepted("command-line", "eve", approved=False, comment="stop")
    return attempt


HERE = [
    case for name, case in sorted(globals().items()) if callable(case) and getattr(case, "__module__", "") == __name__
]
CASES = [case for case in HERE if case.__name__ != "approved" and not case.__name__.startswith("_")]
# Only the steps between the question and the apply can see these: what is applied are the bytes that were approved.
SEEN_BY_THE_STEPS = {
    a_migration_is_edited_after_the_yes,
    a_rollback_is_edited_after_the_yes,
    a_migration_is_added_after_the_yes,
    two_who_broke_the_glass_do_not_cover_an_edited_file,
    the_schema_is_changed_by_hand_after_the_yes,
    the_backup_is_replaced_in_the_store,
    the_backup_is_gone_from_the_store,
    the_manifest_of_the_backup_is_edited,
    an_approver_is_removed_after_their_yes,
    gate_toml_cannot_be_read_any_more,
}
