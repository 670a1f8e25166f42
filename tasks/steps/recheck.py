"""Step 8 begins: just before the apply, everything the approval stands on is looked at once more."""

from tasks.gate.errors import Refused
from tasks.gate.manifest import Manifest
from tasks.gate.plan import Plan
from tasks.gate.plan_changes import change_since
from tasks.gate.windows import window_standing
from tasks.release import Release
from tasks.steps.back_up import fresh_backup
from tasks.steps.plan import current_plan
from tasks.workshop import Workshop


def recheck(release: Release, workshop: Workshop, plan: Plan, manifest: Manifest) -> Manifest:
    """Identity, ledger, files, policy, tools, window and the backup's age; returns the backup to fall back on.

    Raises:
        Refused: something changed since the approval, which is void with that; production is untouched.
    """
    now = current_plan(release, workshop)
    if change := change_since(plan, now):
        release.record.append("voided", {"reason": change, "digest": plan.digest})
        raise Refused(
            f"the approval is void: {change}", hint="start a new release with `gate run`; production is untouched"
        )
    standing = window_standing(release.policy.window, release.now())
    if not standing.open:
        raise Refused(f"the deployment window is closed: {standing.sentence}", hint="`gate run` again when it is open")
    return fresh_backup(release, workshop, manifest)


def sentence(manifest: Manifest) -> str:
    """The step in one sentence."""
    return f"nothing changed since the approval; {manifest.id} is the way back"
