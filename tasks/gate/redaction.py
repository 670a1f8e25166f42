"""Takes secrets out of text that others wrote, before it is shown or kept as evidence."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

from config.settings import SECRETS, Settings

MARK = "[secret]"
LONG = 12  # characters; a shorter secret may be an ordinary word, and is replaced only where it stands alone


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret replaced, the longest first, so that a URL goes before the password in it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if secret not in text:
            continue
        if len(secret) >= LONG:
            text = text.replace(secret, MARK)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _match: MARK, text)
    return text


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret that the settings hold: the URLs themselves, and the passwords in them as typed and as decoded."""
    urls = [value.get_secret_value() for name in SECRETS if (value := getattr(settings, name)) is not None]
    asked = [u for u in (settings.health_url, settings.staging_health_url, settings.version_url) if u]
    found = {url for url in urls if not url.startswith("file:")}
    found |= {url for url in asked if "@" in url or "?" in url}
    for url in [*urls, *asked]:
        found |= passwords_in(url)
    return frozenset(found)


def passwords_in(url: str) -> frozenset[str]:
    """The passwords of a URL, in its authority or among its options; empty when there are none.

    One that equals the user, the host or the database is left out: those are shown anyway, and to hide the word
    everywhere would tell what the password is.
    """
    try:
        split = urlsplit(url)
        host = split.hostname or ""
    except ValueError:
        return frozenset()
    typed = {split.password or ""}
    for option in split.query.split("&"):
        name, _, value = option.partition("=")
        if any(word in name.lower() for word in ("password", "secret", "token", "key")):
            typed.add(value)
    shown = {unquote(part) for part in (split.username or "", host, split.path.strip("/"))}
    plain = {unquote(text) for text in typed} - shown - {""}
    return frozenset({form for text in plain for form in (text, quote(text, safe=""))} | (typed - shown - {""}))
