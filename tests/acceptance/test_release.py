"""Whole releases with the real command on real servers, ending in each of the ways in which a release may end."""

from tests.acceptance.project import ADD_NOTE, DROP_NOTE, Project


def test_a_good_release_ships_and_says_so(project: Project):
    tag = project.ready()
    ended = project.gate("run", "--yes", "--json")
    assert ended.code == 0, ended.all
    assert ended.document["outcome"] == "released"
    assert ended.document["exit_code"] == 0
    assert "note" in project.columns()
    assert len(project.ledger()) == 2
    assert tag in ended.err
    assert project.gate("plan", "--json").document["verdict"] == "nothing-pending"


def test_the_same_end_is_read_from_the_record_afterwards(project: Project):
    project.ready()
    run = project.gate("run", "--yes", "--json").document
    status = project.gate("status", "--json").document
    assert status["releases"][0]["id"] == run["id"]
    assert status["releases"][0]["sentence"] == run["sentence"]
    assert status["pending"] == []
    report = project.gate("report", run["id"], "--verify")
    assert report.code == 0, report.all
    assert run["sentence"] in report.out


def test_nothing_pending_is_a_success_that_touches_nothing(project: Project):
    project.begin()
    ended = project.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "nothing-pending")
    assert project.gate("backups", "--json").document == []


def test_a_file_edited_after_it_ran_is_refused_before_anything_is_touched(project: Project):
    project.ready()
    (project.folder / "0000_init.sql").write_text("CREATE TABLE customers (id serial PRIMARY KEY);")
    ended = project.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (3, "refused")
    assert "0000_init" in ended.document["sentence"]
    assert "note" not in project.columns()


def test_a_release_that_staging_never_saw_is_refused_unless_waived_with_a_reason(project: Project):
    project.begin()
    project.add("note", ADD_NOTE)
    refused = project.gate("run", "--yes", "--json")
    assert refused.code == 3, refused.all
    assert "staging" in refused.document["sentence"].lower()
    without_reason = project.gate("run", "--yes", "--waive", "staging-ledger")
    assert without_reason.code == 2
    assert "needs a reason" in without_reason.err


def test_a_failed_health_check_after_the_apply_is_undone_by_the_rehearsed_rollback(project: Project):
    tag = project.ready()
    as_for_psql = f"-- undoes {tag}\nBEGIN;\n{DROP_NOTE}COMMIT;\n"
    (project.folder / "rollback" / f"{tag}.sql").write_text(as_for_psql)
    before = project.contents()
    invariants = project.home / "invariants"
    invariants.mkdir()
    (invariants / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    project.policy += f'invariants = "{invariants}"\n'
    ended = project.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (5, "recovered"), ended.all
    assert "note" not in project.columns()
    assert project.contents() == before
    assert len(project.ledger()) == 1


def test_without_rollback_sql_the_proved_backup_is_restored_and_the_failed_database_kept(project: Project):
    project.begin()
    project.add("note", ADD_NOTE)
    project.migrate(project.staging)
    before = project.contents()
    invariants = project.home / "invariants"
    invariants.mkdir()
    (invariants / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    project.policy += f'invariants = "{invariants}"\n'
    ended = project.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (5, "recovered"), ended.all
    assert "note" not in project.columns()
    assert project.contents() == before
    kept = project.sql(project.production, "select datname from pg_database where datname like '%failed%'")
    assert len(kept) >= 1
    plan = project.gate("plan", "--json").document
    assert plan["verdict"] == "ready"
    added, updated = plan["statements"]
    assert (added["kind"], added["lock"], added["work"]) == (
        "ALTER TABLE ... ADD COLUMN",
        "AccessExclusiveLock",
        "instant",
    )
    assert (updated["kind"], updated["transaction"], updated["loses_data"]) == ("UPDATE", "yes", "yes")
    assert "UPDATE (orders): ROW EXCLUSIVE on orders; the rows it names; transaction: yes; loses data: yes" in (
        project.gate("plan").out
    )


def test_a_rejected_release_touches_nothing_and_says_who_and_why(project: Project):
    project.ready()
    process = project.start("run", "--json")
    release = project.waiting_release()
    rejected = project.gate("reject", release, "--reason", "not on a Friday")
    assert rejected.code == 0, rejected.all
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "not on a Friday" in out
    assert "note" not in project.columns()


def test_a_release_approved_from_another_terminal_goes_on(project: Project):
    project.ready()
    process = project.start("run", "--json")
    release = project.waiting_release()
    approved = project.gate("approve", release, "--comment", "read it")
    assert approved.code == 0, approved.all
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    again = project.gate("approve", release)
    assert again.code == 3
    assert "is closed: 1 migration is in production" in again.err


def test_an_approval_request_expires(project: Project):
    project.ready()
    project.policy += "\n[approval]\nexpires_hours = 0.0004\n"
    ended = project.gate("run", "--json")
    assert (ended.code, ended.document["outcome"]) == (4, "expired"), ended.all
    assert "note" not in project.columns()


def test_a_file_changed_while_the_release_waits_voids_the_approval(project: Project):
    tag = project.ready()
    process = project.start("run", "--json")
    release = project.waiting_release()
    (project.folder / f"{tag}.sql").write_text("ALTER TABLE orders ADD COLUMN other text;")
    assert project.gate("approve", release).code == 0
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"migration {tag} changed" in out
    assert "other" not in project.columns()


def test_while_a_release_waits_no_other_one_may_start(project: Project):
    project.ready()
    process = project.start("run", "--json")
    release = project.waiting_release()
    second = project.gate("run", "--yes", "--json")
    assert second.code == 7, second.all
    assert release in second.document["sentence"]
    project.gate("reject", release, "--reason", "over")
    process.communicate(timeout=60)


def test_a_killed_waiting_release_costs_nothing_and_is_resumed(project: Project):
    project.ready()
    process = project.start("run")
    release = project.waiting_release()
    process.kill()
    process.communicate()
    assert project.gate("approve", release).code == 0
    resumed = project.gate("resume", release, "--json")
    assert resumed.code == 0, resumed.all
    assert "note" in project.columns()
    assert project.gate("resume", release, "--json").document["outcome"] == "released"
