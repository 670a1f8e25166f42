"""Runs a release under Prefect where an API is configured, and without any server where none is."""

import os
import tomllib
from pathlib import Path

from flows.carry import carry
from flows.checklist import Checklist
from flows.terminal import Terminal
from flows.web.log_lines import log_to_standard_error
from flows.wish import Wish
from tasks.gate.errors import ConfigurationError
from tasks.gate.outcome import Outcome


def carry_here(shown: Terminal, wish: Wish) -> Outcome:
    """Carry a wish in this process, visible in Prefect where it is configured.

    Raises:
        ConfigurationError: the configured Prefect API does not answer.
    """
    api = prefect_api()
    as_json = wish.settings.log_format == "json"
    if not api:
        if as_json:
            log_to_standard_error(as_json=True)
        return carry(Checklist(shown), wish)
    _must_answer(api)
    prepare(api, as_json=as_json)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the terminal shows the steps itself
    from flows.deployments import run_here

    if as_json:  # not before: Prefect arranges all logging when it is imported
        log_to_standard_error(as_json=True)
    return run_here(shown, wish)


def prepare(api: str, *, as_json: bool = False) -> None:
    """Set what Prefect reads at import: never a hidden server, patience with a restarted one, plain console logs.

    Args:
        api: the Prefect API.
        as_json: every line on the console is a JSON object, in this process and in those of the runs.
    """
    os.environ.setdefault("PREFECT_API_URL", api)
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "false")
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "8")  # about 8 minutes
    lines = "logging-json.yml" if as_json else "logging.yml"
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(Path(__file__).with_name(lines)))


def prefect_api() -> str:
    """The Prefect API that the environment or the active profile names; empty when there is none.

    Read without importing Prefect, which costs more than a second: `gate status` must not pay for it.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    home = Path(os.environ.get("PREFECT_HOME", Path.home() / ".prefect"))
    try:
        profiles = tomllib.loads((home / "profiles.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return ""
    active = os.environ.get("PREFECT_PROFILE", profiles.get("active", ""))
    return str(profiles.get("profiles", {}).get(active, {}).get("PREFECT_API_URL", ""))


def _must_answer(api: str) -> None:
    import httpx

    try:
        httpx.get(f"{api.rstrip('/')}/health", timeout=5.0).raise_for_status()
    except httpx.HTTPError:
        raise ConfigurationError(
            f"the Prefect API at {_without_credentials(api)} does not answer; nothing was started",
            hint="start the Prefect server, or unset PREFECT_API_URL to run without one",
        ) from None


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}"
