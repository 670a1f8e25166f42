"""Step 8 begins: just before the apply, everything the approval stands on is looked at once more."""

from dataclasses import replace

from config.policy import Policy
from config.settings import SettingsError, read_policy
from tasks.gate.errors import Refused
from tasks.gate.manifest import Manifest
from tasks.gate.plan import Plan
from tasks.gate.plan_changes import change_since
from tasks.release import Release
from tasks.steps.back_up import fresh_backup
from tasks.steps.plan import current_plan
from tasks.workshop import Workshop


def recheck(release: Release, workshop: Workshop, plan: Plan, manifest: Manifest) -> Manifest:
    """Identity, ledger, files, policy, tools and the backup's age; returns the backup to fall back on.

    Raises:
        Refused: something changed since the approval, which is void with that; production is untouched.
    """
    now = current_plan(replace(release, policy=_policy_of_now(release)), workshop)
    if change := change_since(plan, now):
        release.record.append("voided", {"reason": change, "digest": plan.digest})
        raise Refused(
            f"the approval is void: {change}", hint="start a new release with `gate run`; production is untouched"
        )
    return fresh_backup(release, workshop, manifest)


def _policy_of_now(release: Release) -> Policy:
    """gate.toml may have been edited since this process read it: whoever was removed from it has not approved.

    Raises:
        Refused: it cannot be read any more.
    """
    try:
        return read_policy(release.settings.policy_file)
    except SettingsError as error:
        raise Refused(f"the approval is void: {error}", hint="start a new release with `gate run`") from None


def sentence(manifest: Manifest) -> str:
    """The step in one sentence."""
    return f"nothing changed since the approval; {manifest.id} is the way back"
