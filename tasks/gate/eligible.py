"""Whose yes counts: why a person may not approve this request, in one sentence, whatever door they came through."""

from config.policy import Policy
from tasks.gate.model import Model
from tasks.gate.people import people_meant, strangers

UNTRUSTED_DOORS = ("prefect-ui",)  # the name is only typed there
REMOTE_DOORS = ("slack", "github")  # being in a channel or a repository is no access to Gate


class Asked(Model):
    """What the question of who may approve depends on, as the release's record holds it."""

    started_by: str
    authors: tuple[str, ...] = ()  # of the pending migrations; empty where nobody could say


def objection(
    who: str, door: str, *, approved: bool, asked: Asked, policy: Policy, break_glass: bool = False, reason: str = ""
) -> str | None:
    """Why this person may not decide through this door; None when they may.

    A rejection only needs a named person: stopping is always allowed.

    Args:
        who: the person, from `people.person_of`.
        door: where they answered.
        approved: a yes.
        asked: who started the release, and who wrote its migrations.
        policy: gate.toml.
        break_glass: a yes in an emergency, which other people may give and nobody alone.
        reason: what they said; an emergency needs one.
    """
    if not who.strip() or who.endswith(":"):
        return "a decision needs a name"
    if not approved:
        return None
    if break_glass:
        return _emergency(who, door, asked, policy, reason)
    return _not_named(who, door, policy) or _involved(who, asked, policy) or _only_typed(door, policy)


def _not_named(who: str, door: str, policy: Policy) -> str | None:
    approvers = policy.approval.approvers
    if approvers and who not in approvers:
        return f"{who} is not among the approvers that gate.toml names: {', '.join(approvers)}"
    if not approvers and door in REMOTE_DOORS:
        return f"gate.toml names no approvers, so nobody can approve through {door}"
    return None


def _involved(who: str, asked: Asked, policy: Policy) -> str | None:
    rules = policy.approval
    unnamed = not rules.approvers
    itself = rules.self_approval if rules.self_approval is not None else unnamed
    if not itself and who in people_meant(policy, asked.started_by):
        return f"{who} started this release, and gate.toml does not let the one who starts approve"
    wrote = rules.author_approval if rules.author_approval is not None else unnamed
    if not wrote and any(who in people_meant(policy, author) for author in asked.authors):
        return f"{who} wrote a migration of this release, and gate.toml does not let an author approve"
    if rules.require_known_people:
        if not asked.authors:
            return "nobody knows who wrote these migrations, and gate.toml wants their authors known"
        if unknown := strangers(policy, (asked.started_by, *asked.authors)):
            return f"{unknown[0]} started this release or wrote a migration of it, and is nobody of [[people]]"
    return None


def _only_typed(door: str, policy: Policy) -> str | None:
    typed = policy.approval.prefect_ui if policy.approval.prefect_ui is not None else not policy.approval.approvers
    if door in UNTRUSTED_DOORS and not typed:
        return "gate.toml does not count approvals from the Prefect UI, where a name is only typed"
    return None


def _emergency(who: str, door: str, asked: Asked, policy: Policy, reason: str) -> str | None:
    people = policy.approval.break_glass
    if not people:
        return "gate.toml names nobody who may break the glass"
    if who not in people:
        return f"{who} is not among those who may break the glass: {', '.join(people)}"
    if door in UNTRUSTED_DOORS:
        return "nobody breaks the glass in the Prefect UI, where a name is only typed"
    if who in people_meant(policy, asked.started_by):
        return f"{who} started this release: two others must break the glass"
    if not reason.strip():
        return "breaking the glass needs a reason"
    return None
