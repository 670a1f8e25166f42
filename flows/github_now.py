"""GitHub with the token of now: that of an app lasts an hour, and the file that names it is renewed by others."""

from pydantic import SecretStr

from config.settings import Settings, SettingsError, load
from tasks.clients.github import GitHub


def github_now(settings: Settings) -> GitHub:
    """The repository of the settings, with the token as it is read at this moment."""
    try:
        token = load()[0].github_token or settings.github_token
    except SettingsError:
        token = settings.github_token
    return GitHub(settings.github_api_url, settings.github_repository or "", token or SecretStr(""))
