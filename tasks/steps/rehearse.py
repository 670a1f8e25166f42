"""Step 6, rehearse: the plan and its rollback on the restored copy."""

from tasks.gate.manifest import Manifest
from tasks.gate.plan import Plan, Purpose
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.undo import Undo
from tasks.gate.wording import count, duration, listing
from tasks.rehearse import rehearse as rehearse_on
from tasks.rehearse_undo import Places, rehearse_undo
from tasks.release import Release
from tasks.schema_before import kept_schema
from tasks.steps.back_up import restored_copy
from tasks.tool import tool
from tasks.workshop import Workshop


def rehearse(release: Release, workshop: Workshop, plan: Plan, manifest: Manifest) -> Rehearsal:
    """Run the plan on the restored copy; safe to run twice, because it only touches scratch databases.

    Raises:
        Refused: a statement fails there, as it would in production.
    """
    recorded = release.record.last("rehearsed")
    if recorded is not None:
        return Rehearsal.model_validate(recorded.body)
    database = restored_copy(release, workshop, manifest)
    rehearsal = rehearse_on(
        scratch=workshop.scratch,
        database=database,
        plan=plan,
        programs=workshop.programs,
        progress=release.progress,
        say=release.say,
    )
    if plan.purpose is Purpose.ROLLBACK:
        rehearsal = rehearsal.model_copy(update={"undo": _undo(release, workshop, plan, database)})
    release.record.append("rehearsed", rehearsal)
    return rehearsal


def _undo(release: Release, workshop: Workshop, plan: Plan, database: str) -> Undo:
    folder = tool(plan.tool).read_folder(release.settings.migrations)
    found = rehearse_undo(
        Places(workshop.scratch, database, workshop.programs),
        plan,
        folder,
        kept_schema(release.store, release.target, plan),
        release.progress,
    )
    release.say(found.sentence)
    return found


def sentence(rehearsal: Rehearsal) -> str:
    """The step in one sentence."""
    way_back = "rollback SQL proved" if rehearsal.rollback.holds else "way back: restore"
    lost = f", loses {listing(rehearsal.losses)}" if rehearsal.losses else ""
    return f"{count(len(rehearsal.statements), 'statement')} in {duration(rehearsal.seconds)}, {way_back}{lost}"
