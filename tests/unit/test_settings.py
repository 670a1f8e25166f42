"""Settings come from the environment and gate.toml, and a misspelt one is named with its nearest neighbour."""

from pathlib import Path

import pytest

from config.settings import SettingsError, load

URL = "postgresql://gate:s3cret-word@db.example.com/shop"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


def test_a_production_url_is_enough():
    settings, policy = load({"GATE_PRODUCTION_URL": URL})
    assert settings.target == "production"
    assert settings.migrations == Path("drizzle")
    assert settings.rollback_folder == Path("drizzle/rollback")
    assert settings.store_address.startswith("file:///")
    assert policy.approval.expires_hours == 4


def test_the_environment_wins_over_the_file():
    Path("gate.toml").write_text('[settings]\ntarget = "from-file"\nwatch_seconds = 7\n')
    settings, _ = load({"GATE_TARGET": "from-environment"})
    assert settings.target == "from-environment"
    assert settings.watch_seconds == 7


def test_a_secret_may_come_from_a_file_that_the_environment_names(tmp_path: Path):
    (tmp_path / "url").write_text(URL + "\n")
    settings, _ = load({"GATE_PRODUCTION_URL_FILE": str(tmp_path / "url")})
    assert settings.production_url is not None
    assert settings.production_url.get_secret_value() == URL


def test_no_secret_shows_when_settings_are_printed():
    settings, _ = load({"GATE_PRODUCTION_URL": URL})
    assert "s3cret-word" not in repr(settings)
    assert "s3cret-word" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("environment", "document", "sentence"),
    [
        (
            {"GATE_PRODUCTON_URL": "x"},
            "",
            "unknown variable GATE_PRODUCTON_URL; did you mean GATE_PRODUCTION_URL?",
        ),
        ({}, "[aply]\n", "unknown key aply in gate.toml; did you mean apply?"),
        (
            {},
            "[apply]\nlock_timout_ms = 5\n",
            "unknown key apply.lock_timout_ms in gate.toml; did you mean lock_timeout_ms?",
        ),
        (
            {},
            '[settings]\nproduction_url = "postgresql://x"\n',
            "gate.toml [settings] holds production_url, a secret: put it in the environment as GATE_PRODUCTION_URL",
        ),
        (
            {},
            '[settings]\nmigratons = "x"\n',
            "unknown key migratons in gate.toml [settings]; did you mean migrations?",
        ),
        (
            {"GATE_TARGET": "sh/op"},
            "",
            "GATE_TARGET cannot be used: a target's name has 1 to 63 letters, digits, - and _",
        ),
        (
            {"GATE_SCRATCH_URL": "host=h password=secret"},
            "",
            (
                "GATE_SCRATCH_URL cannot be used: a postgresql:// URL is wanted, written as "
                "postgresql://user:password@host:5432/database"
            ),
        ),
        ({"GATE_POLICY_FILE": "none.toml"}, "", "none.toml does not exist, but GATE_POLICY_FILE names it"),
        (
            {"GATE_PRODUCTION_URL_FILE": "/nowhere/url"},
            "",
            "GATE_PRODUCTION_URL_FILE names /nowhere/url, which cannot be read: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(environment: dict[str, str], document: str, sentence: str):
    if document:
        Path("gate.toml").write_text(document)
    with pytest.raises(SettingsError) as caught:
        load(environment)
    assert str(caught.value) == sentence


def test_a_file_that_is_not_toml_says_where():
    Path("gate.toml").write_text("[apply\n")
    with pytest.raises(SettingsError, match=r"gate\.toml is not valid TOML: .*line 1"):
        load({})


def test_a_value_of_the_wrong_kind_names_its_key():
    Path("gate.toml").write_text("[apply]\nattempts = 0\n")
    with pytest.raises(SettingsError, match=r"apply\.attempts in gate\.toml cannot be used"):
        load({})


def test_a_command_of_the_team_is_read_from_the_policy():
    Path("gate.toml").write_text('[[checks.command]]\nname = "suite"\nargv = ["make", "test"]\n')
    _, policy = load({})
    assert policy.checks.command[0].argv == ("make", "test")
