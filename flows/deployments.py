"""The deployments that the Prefect server knows: their forms, and how an outcome becomes a state with its sentence."""

from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import BaseModel, Field

from config.settings import SettingsError, load
from flows import prefect_view
from flows.carry import carry
from flows.checklist import Checklist, Shown
from flows.defect import unexpected
from flows.drill import hold
from flows.prefect_shown import PrefectShown
from flows.wish import Wish
from tasks.gate.bundle import Bundle
from tasks.gate.drill import drill_markdown
from tasks.gate.errors import GateError
from tasks.gate.evidence import Waiver
from tasks.gate.outcome import Outcome, from_error
from tasks.preflight import CHECKS


def _choices(schema: dict[str, Any]) -> None:
    """A list to choose from in the form, and a field for the team's own commands, which only the worker knows."""
    own = {"title": "of Gate's own", "type": "string", "enum": [check.name for check in CHECKS]}
    schema.pop("type", None)
    schema["anyOf"] = [own, {"title": "of the team's", "type": "string", "minLength": 1}]


def _name(of: str) -> Callable[[], str]:
    """What a run is called in the list of runs: what it does, and to which target."""

    def named() -> str:
        from prefect.runtime import deployment

        return f"{of} {deployment.name or ''}".strip()

    return named


class WaivedCheck(BaseModel):
    """A check that may fail this time."""

    check: str = Field(
        description="Which check; gate check lists them.",
        min_length=1,
        json_schema_extra=_choices,
    )
    reason: str = Field(description="Why it may fail; the approver reads it.", min_length=3)


@flow(name="release", flow_run_name=_name("release"), persist_result=False, retries=0, log_prints=False)
def release(
    started_by: str = "",
    waive: list[WaivedCheck] = [],  # noqa: B006 - only read; with None the form begins with a switch
    take_up: str = "",
    bundle: Bundle | None = None,
) -> State[Any]:
    """Take the pending migrations of this project to production.

    Args:
        started_by: Who starts it; shown to the approver.
        waive: Checks that may fail this time, each with a reason.
        take_up: An interrupted or waiting release to take up again; empty starts a new one.
        bundle: The files that CI saw, which `gate trigger` fills in; without it the worker's own folder is released.
    """
    who = started_by or "prefect"
    waivers = tuple(Waiver(check=w.check, reason=w.reason, by=who) for w in waive)
    return _as_state(_outcome(PrefectShown(), by=who, waivers=waivers, take_up=take_up, bundle=bundle))


@flow(name="drill", flow_run_name=_name("drill"), persist_result=False, retries=0)
def drill() -> State[Any]:
    """Prove the newest backup again and rehearse the way back with it; production is not touched."""
    try:
        settings, policy = load()
        outcome, held = hold(settings, policy, PrefectShown())
        prefect_view.artifact("Drill", drill_markdown(held))
    except GateError as error:
        outcome = from_error(error)
    except SettingsError as error:
        outcome = Outcome(outcome="misconfigured", sentence=str(error), exit_code=2)
    except Exception as error:  # noqa: BLE001 - Prefect would keep its text, and values may be secret
        outcome = from_error(unexpected(error))
    return _as_state(outcome)


@flow(name="recover", flow_run_name="recover-{take_up}", persist_result=False, retries=0)
def recover(take_up: str) -> State[Any]:
    """Take up a release that was interrupted: find out what it did to production, and finish or undo it.

    Args:
        take_up: The release's id, as `gate status` shows it.
    """
    return _as_state(_outcome(PrefectShown(), by="prefect", take_up=take_up))


def run_here(shown: Shown, wish: Wish) -> Outcome:
    """Run a release in this process as a flow run; the outcome is the record's, not Prefect's."""
    ended: list[Outcome] = []

    @flow(name="release", flow_run_name="release-from-the-command-line", persist_result=False, retries=0)
    def release_here() -> State[Any]:
        try:
            ended.append(carry(Checklist(shown), wish))
        except GateError as error:
            failures.append(error)
            return Failed(message=error.message)
        except Exception as error:  # noqa: BLE001 - raised again below, out of Prefect's sight
            failures.append(error)
            return Failed(message=unexpected(error).message)
        return _as_state(ended[-1])

    failures: list[Exception] = []
    release_here(return_state=True)
    if failures:
        raise failures[0]
    if not ended:
        raise KeyboardInterrupt
    return ended[0]


def _outcome(shown: Shown, **wanted: Any) -> Outcome:
    """Carry a wish from the Prefect side; every refusal is an outcome with its sentence, never a traceback."""
    try:
        settings, policy = load()
        todo = Checklist(shown)
        wish = Wish(settings, policy, door="ci" if wanted.get("bundle") else "prefect-ui", **wanted)
        return carry(todo, _same_run(wish))
    except GateError as error:
        return from_error(error)
    except SettingsError as error:
        return Outcome(outcome="misconfigured", sentence=str(error), exit_code=2)
    except Exception as error:  # noqa: BLE001 - Prefect would keep its text, and values may be secret
        return from_error(unexpected(error))


def _same_run(wish: Wish) -> Wish:
    """A run that was suspended starts again from the top: it takes up the release that it opened."""
    from flows.carry import release_of_run

    if wish.take_up or not (run := prefect_view.flow_run_id()):
        return wish
    return Wish(**{**vars(wish), "take_up": release_of_run(wish.settings, run)})


def _as_state(outcome: Outcome) -> State[Any]:
    """The run's last sentence is its state's message."""
    message = f"{outcome.outcome}: {outcome.sentence}"
    return Completed(message=message) if outcome.exit_code == 0 else Failed(message=message)
