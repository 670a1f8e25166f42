"""Everything that `gate serve` runs beside Prefect: the endpoint, and what watches the record for it."""

import contextlib
import threading
from collections.abc import Iterator

from config.policy import Policy
from config.settings import Settings
from flows.web.application import application
from flows.web.endpoint import answering
from flows.web.github import answer_until, github_wanted
from flows.web.serving import Serving
from tasks.steps.open import store_of


def doors_wanted(settings: Settings) -> bool:
    """True when there is anything to answer: a door is configured, or an address to listen on was named."""
    return "serve_listen" in settings.model_fields_set or slack_wanted(settings) or github_wanted(settings)


def slack_wanted(settings: Settings) -> bool:
    """True when any of Slack's settings is there; the door itself says which one is missing."""
    return any((settings.slack_bot_token, settings.slack_signing_secret, settings.slack_app_token))


@contextlib.contextmanager
def serving_doors(settings: Settings, policy: Policy) -> Iterator[str]:
    """Run the endpoint until the end of the block; yields its address."""
    serving = Serving(settings, policy, store_of(settings))
    try:
        with answering(application(serving), settings.serve_listen) as address, _answering_github(serving):
            yield address
    finally:
        serving.work.stop()


@contextlib.contextmanager
def _answering_github(serving: Serving) -> Iterator[None]:
    """A thread that answers the deployments which wait, where GitHub may ask."""
    stop = threading.Event()
    if github_wanted(serving.settings):
        threading.Thread(target=answer_until, args=(serving, stop), name="gate-github", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
