"""The last look before the apply: the record must hold a proved backup of this database and a living approval."""

from tasks.gate.approval import Standing
from tasks.gate.errors import Refused
from tasks.gate.identity import Identity
from tasks.gate.plan import Plan
from tasks.release import Release
from tasks.steps.ask import settled, standing
from tasks.steps.hold import refuse_if_closed


def refuse_unless_allowed(release: Release, plan: Plan) -> None:
    """Hold the first invariant where it matters, whatever the steps before did (design, section 6).

    Raises:
        Refused: no proved backup, no approval of this digest, a plan with problems, or a closed window.
        Declined: the approval expired.
    """
    if plan.problems:
        raise Refused(f"the plan has problems: {plan.problems[0].cause}", hint=plan.problems[0].remedy)
    taken, proved = release.record.last("backed_up"), release.record.last("proved")
    if taken is None or proved is None or proved.body["backup"] != taken.body["backup"]:
        found = "none is recorded" if taken is None else f"{taken.body['backup']} is not proved"
        raise Refused(f"no proved backup: {found}", hint=f"`gate resume {release.id}` takes the steps that are missing")
    judgement = standing(release, plan)
    if judgement.standing is Standing.EXPIRED:
        settled(release, judgement)
    if judgement.standing is not Standing.APPROVED:
        raise Refused(
            f"no valid approval of this plan: {judgement.sentence}", hint="start a new release with `gate run`"
        )
    refuse_if_closed(release, plan)


def refuse_another_database(plan: Plan, found: Identity, *, primary: bool) -> None:
    """Compare what answers now with what the plan was made for.

    Raises:
        Refused: another cluster, another database, a standby, or a failover since.
    """
    expected = plan.identity
    if not found.same_database(expected):
        raise Refused(
            f"expected database {expected.database} (oid {expected.database_oid}) "
            f"of cluster {expected.system_identifier}, "
            f"found {found.database} (oid {found.database_oid}) of cluster {found.system_identifier}",
            hint="check GATE_PRODUCTION_URL; start a new release with `gate run`",
        )
    if not primary:
        raise Refused(f"{found.database} answers from a standby", hint="point GATE_PRODUCTION_URL at the primary")
    if found.timeline != expected.timeline:
        raise Refused(
            f"a failover happened since the plan was made (timeline {expected.timeline}, now {found.timeline}), "
            "and what was written just before it may be lost",
            hint="start a new release with `gate run`: it backs up and asks again",
        )
