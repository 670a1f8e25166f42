"""Step 8 begins: just before the apply, everything the approval stands on is looked at once more."""

from dataclasses import replace

from config.policy import Policy
from config.settings import SettingsError, read_policy
from tasks.clients.schema_text import changed_lines, schema_difference
from tasks.gate.errors import Refused
from tasks.gate.manifest import Manifest
from tasks.gate.plan import Plan
from tasks.gate.plan_changes import change_since
from tasks.release import Release
from tasks.schema_before import production_schema
from tasks.steps.back_up import fresh_backup
from tasks.steps.plan import current_plan
from tasks.workshop import Workshop


def recheck(release: Release, workshop: Workshop, plan: Plan, manifest: Manifest) -> Manifest:
    """Identity, ledger, files, policy, tools, the backup's age and the schema; returns the backup to fall back on.

    Raises:
        Refused: something changed since the approval, which is void with that; production is untouched.
    """
    now = current_plan(replace(release, policy=_policy_of_now(release)), workshop)
    if change := change_since(plan, now):
        raise _void(release, plan, change)
    manifest = fresh_backup(release, workshop, manifest)
    if drift := _drift(release, plan):
        raise _void(
            release,
            plan,
            "production's schema is not the one that was rehearsed any more (- then, + now):\n" + changed_lines(drift),
        )
    return manifest


def _void(release: Release, plan: Plan, reason: str) -> Refused:
    release.record.append("voided", {"reason": reason, "digest": plan.digest})
    return Refused(
        f"the approval is void: {reason}", hint="start a new release with `gate run`; production is untouched"
    )


def _drift(release: Release, plan: Plan) -> tuple[str, ...]:
    """How production's schema differs from the one that was restored; what was seen there says nothing of this one.

    After the COMMIT it would be found too, but then only a way back would be left (failure-modes A16).
    """
    event = release.record.last("rehearsed")
    before = str(event.body.get("schema_before", "")) if event else ""  # an earlier version did not write it down
    if not before:
        return ()
    return schema_difference(before, production_schema(release, plan), "rehearsed on", "production now")


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
