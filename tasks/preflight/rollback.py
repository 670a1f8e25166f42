"""The rollback plan is documented: rollback SQL lies beside every pending migration, and says something."""

from tasks.gate.wording import count, listing
from tasks.preflight.check import Answer, Check, failed, passed, warned
from tasks.preflight.question import Question


def ask(question: Question) -> Answer:
    """Name the rollback file of each pending migration; a missing one warns, unless policy requires it."""
    plan = question.plan
    if not plan.pending:
        return passed("nothing is pending")
    found = {r.tag: r for r in plan.rollbacks if r.text.strip()}
    empty = {r.tag: r for r in plan.rollbacks if not r.text.strip()}
    missing = [m.tag for m in plan.pending if m.tag not in found]
    lines = [
        f"{m.tag}: {found[m.tag].file}"
        if m.tag in found
        else f"{m.tag}: {empty[m.tag].file} is empty"
        if m.tag in empty
        else f"{m.tag}: no rollback SQL"
        for m in plan.pending
    ]
    if not missing:
        return passed(f"rollback SQL is there for {count(len(lines), 'pending migration')}", lines)
    answer = failed if question.policy.checks.require_rollback else warned
    folder = question.settings.rollback_folder
    return answer(
        f"no rollback SQL for {listing(missing)}: after a failure only the backup would bring production back",
        lines,
        hint=f"write {folder}/{missing[0]}.sql, or {folder}/rollback_YYYYMMDD_HHMMSS_name.sql",
    )


CHECK = Check("rollback", "Rollback plan documented", ask, releases_only=True)
