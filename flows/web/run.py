"""Everything that `gate serve` runs beside Prefect: the endpoint, and what follows the record for it."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial

from config.policy import Policy
from config.settings import Settings
from flows.defect import unexpected
from flows.web.application import application
from flows.web.endpoint import answering
from flows.web.github import answer_until, github_wanted
from flows.web.serving import Serving
from flows.web.slack_messages import SlackMessages
from flows.web.slack_place import SlackPlace
from flows.web.slack_socket import SlackSocket
from tasks.steps.open import store_of

STOP_SECONDS = 5.0
PAUSE_SECONDS = 5.0  # after a defect

log = logging.getLogger("gate.web")


def doors_wanted(settings: Settings) -> bool:
    """True when there is anything to answer: a door is configured, or an address to listen on was named."""
    return "serve_listen" in settings.model_fields_set or slack_wanted(settings) or github_wanted(settings)


def slack_wanted(settings: Settings) -> bool:
    """True when any of Slack's settings is there; which one is missing is said when the place is made."""
    secrets = (settings.slack_bot_token, settings.slack_signing_secret, settings.slack_app_token)
    return settings.slack_channel is not None or any(secrets)


@contextlib.contextmanager
def serving_doors(settings: Settings, policy_now: Callable[[], Policy]) -> Iterator[str]:
    """Run the endpoint and everything beside it until the end of the block; yields its address.

    Args:
        settings: where things are.
        policy_now: reads the policy; called for each decision.

    Raises:
        ConfigurationError: a setting is missing, or the address cannot be listened on.
    """
    store = store_of(settings)
    place = SlackPlace(settings, store) if slack_wanted(settings) else None
    serving = Serving(settings, policy_now, store, place)
    with contextlib.ExitStack() as running:
        running.callback(serving.work.stop)
        running.callback(serving.words.stop)
        address = running.enter_context(answering(application(serving), settings.serve_listen))
        if place is not None:
            running.enter_context(_beside(SlackMessages(serving, place).run, place.changed))
            if settings.slack_app_token is not None:
                running.enter_context(_beside(SlackSocket(serving, place, settings.slack_app_token).run))
        if github_wanted(settings):
            running.enter_context(_beside(partial(answer_until, serving)))
        yield address


@contextlib.contextmanager
def _beside(run: Callable[[threading.Event], None], wake: threading.Event | None = None) -> Iterator[None]:
    """A thread that runs until the end of the block, whatever happens in it."""
    stop = threading.Event()
    thread = threading.Thread(target=_again_and_again, args=(run, stop), name="gate-beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        if wake is not None:
            wake.set()
        thread.join(STOP_SECONDS)


def _again_and_again(run: Callable[[threading.Event], None], stop: threading.Event) -> None:
    """A defect ends one try and is told by its place, because its text may hold secrets; the next may go well."""
    while not stop.is_set():
        try:
            return run(stop)
        except Exception as error:  # noqa: BLE001
            log.error("%s; it is begun again", unexpected(error).message)  # noqa: TRY400
            stop.wait(PAUSE_SECONDS)
    return None
