"""Secrets leave a text in every form in which they were given, and ordinary words stay."""

import pytest
from pydantic import SecretStr

from config.settings import Settings
from tasks.gate.redaction import passwords_in, redacted, secrets_of


def test_a_password_goes_as_typed_and_as_decoded() -> None:
    secrets = passwords_in("postgresql://app:hunter%402@db/shop")
    assert redacted("hunter%402 and hunter@2 of app", secrets) == "[secret] and [secret] of app"


def test_a_url_goes_before_the_password_in_it() -> None:
    url = "postgresql://app:hunter2@db/shop"
    settings = Settings(production_url=SecretStr(url))
    assert redacted(f"could not open {url}", secrets_of(settings)) == "could not open [secret]"


def test_a_short_password_is_replaced_only_where_it_stands_alone() -> None:
    assert redacted("plain plain_4711 'plain'", {"plain"}) == "[secret] plain_4711 '[secret]'"


def test_a_long_one_is_replaced_wherever_it_is() -> None:
    assert redacted("xcorrect-horse-battery-stapley", {"correct-horse-battery-staple"}) == "x[secret]y"


@pytest.mark.parametrize(
    "url", ["postgresql://postgres:postgres@db/shop", "postgresql://app@db/shop", "file:///var/lib/gate", "http://[::"]
)
def test_a_word_that_is_shown_anyway_is_no_secret(url: str) -> None:
    assert passwords_in(url) == frozenset()


def test_a_password_among_the_options_counts() -> None:
    assert passwords_in("postgresql://db/shop?user=app&password=hunter2") == {"hunter2"}
    assert passwords_in("https://shop.example/health?token=abc%2Fd") == {"abc%2Fd", "abc/d"}


def test_settings_give_up_all_their_secrets() -> None:
    settings = Settings(
        production_url=SecretStr("postgresql://a:one-secret@db/shop"),
        staging_url=SecretStr("postgresql://a:two-secret@db/shop"),
        scratch_url=SecretStr("postgresql://a:three-secret@db/shop"),
        store_url=SecretStr("s3://bucket/prefix"),
        health_url="https://u:four-secret@shop.example/health",
    )
    text = redacted("one-secret two-secret three-secret four-secret", secrets_of(settings))
    assert text == "[secret] [secret] [secret] [secret]"
