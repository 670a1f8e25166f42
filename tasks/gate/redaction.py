"""Takes secrets out of text that others wrote, before it is shown or kept as evidence."""

from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from config.settings import SECRETS, Settings

MARK = "[secret]"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret replaced, the longest first, so that a URL goes before the password in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MARK)
    return text


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret that the settings hold: the URLs themselves, and the passwords in them as typed and as decoded."""
    urls = [value.get_secret_value() for name in SECRETS if (value := getattr(settings, name)) is not None]
    with_login = [u for u in (settings.health_url, settings.staging_health_url, settings.version_url) if u and "@" in u]
    found = {url for url in [*urls, *with_login] if not url.startswith("file:")}
    for url in [*urls, *with_login]:
        found |= passwords_in(url)
    return frozenset(found)


def passwords_in(url: str) -> frozenset[str]:
    """The password of a URL, in its authority or as a `password` option; empty when there is none."""
    try:
        split = urlsplit(url)
        typed = {split.password or ""}
    except ValueError:
        return frozenset()
    for option in split.query.split("&"):
        name, _, value = option.partition("=")
        if "password" in name.lower() or "secret" in name.lower():
            typed.add(value)
    return frozenset({form for text in typed if text for form in (text, unquote(text), quote(unquote(text), safe=""))})
