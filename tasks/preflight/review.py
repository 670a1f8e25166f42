"""Reviewed by the team: a file in the repository names who looked at these very migrations."""

from tasks.gate.review import gaps, read_review
from tasks.gate.wording import listing
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Question


def ask(question: Question) -> Answer:
    """Read the review file that policy names (beside gate.toml) and hold it against the plan."""
    checks = question.policy.checks
    if not checks.review_file:
        if checks.require_review and checks.review_approvals is None:
            return failed(
                "policy requires a review, and names no file for it",
                hint='set checks.review_file = "REVIEW.md", or checks.review_approvals = 1 for GitHub',
            )
        return not_configured("no review is asked for", hint='set checks.review_file = "REVIEW.md" in gate.toml')
    file = question.settings.policy_file.parent / checks.review_file
    pending = question.plan.pending
    newest = pending[-1].tag if pending else "TAG"
    how = f"write `Reviewed-by: NAME` and `Migration: {newest}` into {file}, a line for each migration"
    try:
        review = read_review(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return failed(f"the review file {file} does not exist", hint=how)
    except UnicodeDecodeError:
        return failed(f"the review file {file} is not UTF-8 text", hint=how)
    if missing := gaps(review, pending, question.plan.digest):
        return failed(f"{file} does not cover this release: {listing(missing, limit=3)}", missing, hint=how)
    return passed(f"reviewed by {listing(review.reviewers)}", [f"{file}: {m.tag}" for m in pending])


CHECK = Check("review", "Reviewed by the team", ask, releases_only=True)
