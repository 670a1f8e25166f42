"""Everything that `gate serve` runs beside Prefect: the endpoint, and what watches the record for it."""

import contextlib
from collections.abc import Iterator

from config.policy import Policy
from config.settings import Settings
from flows.web.application import application
from flows.web.endpoint import answering
from flows.web.serving import Serving
from tasks.steps.open import store_of


def doors_wanted(settings: Settings) -> bool:
    """True when there is anything to answer: a door is configured, or an address to listen on was named."""
    return "serve_listen" in settings.model_fields_set or slack_wanted(settings)


def slack_wanted(settings: Settings) -> bool:
    """True when any of Slack's settings is there; the door itself says which one is missing."""
    return any((settings.slack_bot_token, settings.slack_signing_secret, settings.slack_app_token))


@contextlib.contextmanager
def serving_doors(settings: Settings, policy: Policy) -> Iterator[str]:
    """Run the endpoint until the end of the block; yields its address."""
    serving = Serving(settings, policy, store_of(settings))
    try:
        with answering(application(serving), settings.serve_listen) as address:
            yield address
    finally:
        serving.work.stop()
