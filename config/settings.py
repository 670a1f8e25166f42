"""Settings: the environment first, then gate.toml; secrets only from the environment or files that it names."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.policy import Policy

PREFIX = "GATE_"
SECRETS = (
    "production_url",
    "staging_url",
    "scratch_url",
    "store_url",
    "slack_signing_secret",
    "slack_bot_token",
    "slack_app_token",
    "github_token",
    "github_webhook_secret",
    "gitlab_token",
)
NOT_SETTINGS = {"GATE_KILL_AT", "GATE_DEFECT_AT"}  # name points at which the tests kill the process or make it err
DATABASE_SCHEMES = ("postgresql://", "postgres://")


class SettingsError(Exception):
    """Settings that cannot be used, in one sentence."""


class Settings(BaseSettings):
    """Where things are. Names are a contract: `GATE_` and the upper-case field name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    target: str = Field("production", description="The name of the database in locks, backups and reports.")
    production_url: SecretStr | None = Field(
        None, description="Production, as postgresql://user:password@host/database."
    )
    staging_url: SecretStr | None = Field(None, description="Staging, where this release ran before.")
    migrations: Path = Field(Path("drizzle"), description="The folder that drizzle-kit generates.")
    rollbacks: Path | None = Field(None, description="Rollback SQL; `rollback` below the migrations unless set.")
    tool: str = Field("", description="The migration tool, `drizzle` or `dbmate`; found by its files when unset.")
    migrations_schema: str = Field("drizzle", description="Schema of the migrations table.")
    migrations_table: str = Field("__drizzle_migrations", description="Name of the migrations table.")
    store_url: SecretStr | None = Field(
        None, description="s3://bucket/prefix?endpoint_url=...&region=... or file:///directory."
    )
    scratch_url: SecretStr | None = Field(None, description="An empty server of ours to prove and rehearse on.")
    pg_bin: Path | None = Field(None, description="Folder of the PostgreSQL programs; found on the machine unless set.")
    health_url: str | None = Field(None, description="Answers 2xx when the application on production is well.")
    staging_health_url: str | None = Field(None, description="Answers 2xx when the application on staging is well.")
    version_url: str | None = Field(None, description="Says which version of the application runs.")
    expected_version: str | None = Field(None, description="What the version URL must say.")
    watch_seconds: float = Field(0.0, ge=0, description="How long to keep watching after the apply, in seconds.")
    github_token: SecretStr | None = Field(None, description="What GitHub is asked and told with.")
    github_repository: str | None = Field(
        None, pattern=r"^[\w.-]+/[\w.-]+$", description="The repository on GitHub, as owner/name."
    )
    github_api_url: str = Field("https://api.github.com", description="GitHub's API; an enterprise server has its own.")
    github_webhook_secret: SecretStr | None = Field(None, description="What GitHub signs its webhooks with.")
    gitlab_token: SecretStr | None = Field(None, description="What GitLab is told with; its scope is api.")
    gitlab_project: str | None = Field(
        None, pattern=r"^[\w.-]+(/[\w.-]+)*$", description="The project on GitLab: its number, or group/name."
    )
    gitlab_api_url: str = Field("https://gitlab.com/api/v4", description="GitLab's API.")
    log_format: Literal["text", "json"] = Field("text", description="json: log lines are JSON objects, for machines.")
    policy_file: Path = Field(Path("gate.toml"), description="The reviewed policy.")
    serve_listen: str = Field("127.0.0.1:8770", description="Where `gate serve` answers, as host:port.")
    serve_url: str | None = Field(None, description="The public https address of `gate serve`; the doctor asks it.")
    slack_channel: str | None = Field(None, description="The channel's id, for example C0123456789.")
    slack_bot_token: SecretStr | None = Field(None, description="The app's bot token, xoxb-...")
    slack_signing_secret: SecretStr | None = Field(None, description="With which Slack signs what it sends.")
    slack_app_token: SecretStr | None = Field(None, description="xapp-...: Socket Mode, without a public address.")
    slack_api_url: str = Field("https://slack.com/api", description="Slack's Web API.")

    @field_validator("target")
    @classmethod
    def _plain_target(cls, value: str) -> str:
        if not value or not all(c.isascii() and (c.isalnum() or c in "-_") for c in value) or len(value) > 63:  # noqa: PLR2004
            raise ValueError("a target's name has 1 to 63 letters, digits, - and _")
        return value

    @field_validator("serve_listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004
            raise ValueError("host:port is wanted, for example 127.0.0.1:8770 or [::1]:8770")
        return value

    @field_validator("production_url", "staging_url", "scratch_url")
    @classmethod
    def _of_a_database(cls, value: SecretStr | None) -> SecretStr | None:
        """Here only what tells which variable is meant; the whole address is read where it is used."""
        if value is not None and not value.get_secret_value().strip().lower().startswith(DATABASE_SCHEMES):
            raise ValueError("a postgresql:// URL is wanted, written as postgresql://user:password@host:5432/database")
        return value

    @field_validator("slack_channel")
    @classmethod
    def _channel_id(cls, value: str | None) -> str | None:
        if value is not None and not (value[:1] in "CG" and value.isalnum() and value.isascii() and value.isupper()):
            raise ValueError("the channel's id is wanted (C...), not its name: channels are renamed")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before gate.toml, which arrives as keyword arguments."""
        return env_settings, init_settings

    @property
    def rollback_folder(self) -> Path:
        """Where rollback SQL is looked for."""
        return self.rollbacks if self.rollbacks is not None else self.migrations / "rollback"

    @property
    def store_address(self) -> str:
        """The store's URL; a directory of the user's own when none is set."""
        if self.store_url is not None:
            return self.store_url.get_secret_value()
        return (Path(platformdirs.user_data_dir("gate")) / "store").as_uri()


def load(environment: Mapping[str, str] | None = None) -> tuple[Settings, Policy]:
    """Read settings and policy, once, at the door.

    Args:
        environment: variables; the process's own when None.

    Raises:
        SettingsError: an unknown variable or key, with the nearest known one; a value of the wrong kind.
    """
    variables = dict(os.environ if environment is None else environment)
    _read_secret_files(variables)
    _reject_unknown_variables(variables)
    file = Path(variables.get(f"{PREFIX}POLICY_FILE") or "gate.toml")
    document = _read_toml(file, required=bool(variables.get(f"{PREFIX}POLICY_FILE")))
    values = document.pop("settings", {})
    _reject_unknown_keys(values, set(Settings.model_fields) - set(SECRETS) - {"policy_file"}, f"{file} [settings]")
    try:
        policy = Policy.model_validate(document)
        given = {k: v for k, v in values.items() if f"{PREFIX}{k.upper()}" not in variables}
        from_environment = {
            name: variables[f"{PREFIX}{name.upper()}"]
            for name in Settings.model_fields
            if variables.get(f"{PREFIX}{name.upper()}")
        }
        settings = Settings.model_validate({**given, **from_environment, "policy_file": file})
    except ValidationError as error:
        raise SettingsError(_first_sentence(error, file)) from None
    return settings, policy


def read_policy(file: Path) -> Policy:
    """The policy as it is in the file now; the defaults where there is no file.

    Raises:
        SettingsError: as `load`.
    """
    document = _read_toml(file, required=False)
    document.pop("settings", None)
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        raise SettingsError(_first_sentence(error, file)) from None


def _read_secret_files(variables: dict[str, str]) -> None:
    for name in SECRETS:
        pointer = f"{PREFIX}{name.upper()}_FILE"
        path = variables.pop(pointer, None)
        if not path:
            continue
        try:
            variables[pointer.removesuffix("_FILE")] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{pointer} names {path}, which cannot be read: {error.strerror}") from None


def _reject_unknown_variables(variables: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(variables):
        if name.startswith(PREFIX) and name not in known | NOT_SETTINGS:
            raise SettingsError(f"unknown variable {name}{_nearest(name, known)}")


def _read_toml(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise SettingsError(f"{file} does not exist, but {PREFIX}POLICY_FILE names it") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None


def _reject_unknown_keys(values: object, known: set[str], where: str) -> None:
    if not isinstance(values, dict):
        raise SettingsError(f"{where} must be a table")
    for key in values:
        if key in SECRETS:
            raise SettingsError(f"{where} holds {key}, a secret: put it in the environment as {PREFIX}{key.upper()}")
        if key not in known:
            raise SettingsError(f"unknown key {key} in {where}{_nearest(key, known)}")


def _nearest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(known))}"


def _first_sentence(error: ValidationError, file: Path) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    path = [str(p) for p in first["loc"]]
    if first["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(path)} in {file}{_nearest(path[-1], _known_keys(path[:-1]))}"
    if len(path) == 1 and path[0] in Settings.model_fields:
        return f"{PREFIX}{path[0].upper()} cannot be used: {first['msg'].removeprefix('Value error, ')}"
    where = f"{'.'.join(path)} in {file}" if path else str(file)
    return f"{where} cannot be used: {first['msg'].removeprefix('Value error, ')}"


def _known_keys(path: list[str]) -> set[str]:
    model: Any = Policy
    for name in path:
        if name.isdigit():
            continue
        annotation = model.model_fields[name].annotation
        model = getattr(annotation, "__args__", (annotation,))[0]
    return set(model.model_fields)
