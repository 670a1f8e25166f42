"""Everything that `gate serve` runs beside Prefect: the endpoint, and what follows the record for it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial

from config.policy import Policy
from config.settings import Settings
from flows.web.application import application
from flows.web.endpoint import answering
from flows.web.github import answer_until, github_wanted
from flows.web.serving import Serving
from flows.web.slack_messages import SlackMessages
from flows.web.slack_place import SlackPlace
from flows.web.slack_socket import SlackSocket
from tasks.steps.open import store_of

STOP_SECONDS = 5.0


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
    """A thread that runs until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,), name="gate-beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        if wake is not None:
            wake.set()
        thread.join(STOP_SECONDS)
