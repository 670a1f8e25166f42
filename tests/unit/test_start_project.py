"""`gate init`: what it proposes from what a project holds, and that it never writes over anything."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from config.policy import Command, Freeze, Person, Policy, Window
from config.settings import load
from tasks.gate.errors import ConfigurationError
from tasks.start_project import propose, write


def journal(project: Path, where: str) -> None:
    (project / where / "meta").mkdir(parents=True)
    (project / where / "meta" / "_journal.json").write_text('{"entries": []}')


def proposed(project: Path) -> dict[str, object]:
    return tomllib.loads(propose(project))["settings"]


def uncommented(text: str) -> str:
    """Every line that shows a key, as if somebody had removed its `#`."""
    return re.sub(r"^# (?=(\w+ = |\[\[))", "", text, flags=re.MULTILINE)


def test_a_journal_is_found_wherever_it_is_and_what_is_written_loads(tmp_path: Path) -> None:
    journal(tmp_path, "src/db/migrations")
    (tmp_path / "src/db/migrations/rollback").mkdir()
    file = write(tmp_path)
    settings, policy = load({"GATE_POLICY_FILE": str(file)})
    assert settings.migrations == Path("src/db/migrations")
    assert settings.rollback_folder == Path("src/db/migrations/rollback")
    assert policy == Policy()
    assert "# Drizzle migrations with a journal" in file.read_text()


def test_a_folder_for_each_migration_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "drizzle/20260102030405_first").mkdir(parents=True)
    (tmp_path / "drizzle/20260102030405_first/migration.sql").write_text("select 1;")
    assert proposed(tmp_path)["migrations"] == "drizzle"
    assert "# Drizzle migrations with a folder for each migration" in propose(tmp_path)


def test_of_several_folders_the_one_that_drizzles_configuration_names_is_taken_and_the_others_are_shown(
    tmp_path: Path,
) -> None:
    journal(tmp_path, "a")
    journal(tmp_path, "packages/db/drizzle")
    (tmp_path / "drizzle.config.ts").write_text(
        """export default defineConfig({
             // out: "./a",
             out: './packages/db/drizzle',
             migrations: { table: "ran", schema: 'public' },
             dbCredentials: { url: process.env.DATABASE_URL! },
           })"""
    )
    assert proposed(tmp_path) == {
        "target": proposed(tmp_path)["target"],
        "migrations": "packages/db/drizzle",
        "migrations_schema": "public",
        "migrations_table": "ran",
    }
    assert "# Drizzle migrations with a journal, as drizzle.config.ts says" in propose(tmp_path)
    assert "# another folder of migrations: a" in propose(tmp_path)


def test_a_configuration_whose_folder_is_not_there_yet_is_still_a_hint(tmp_path: Path) -> None:
    (tmp_path / "drizzle.config.json").write_text('{"out": "./migrations"}')
    assert proposed(tmp_path)["migrations"] == "migrations"
    assert "# drizzle.config.json says so, but nothing was generated there yet" in propose(tmp_path)


def test_without_migrations_the_file_says_so_and_still_loads(tmp_path: Path) -> None:
    text = propose(tmp_path)
    assert "# no folder of migrations was found" in text
    assert "migrations" not in tomllib.loads(text)["settings"]
    load({"GATE_POLICY_FILE": str(write(tmp_path))})


def test_packages_of_others_are_not_searched(tmp_path: Path) -> None:
    journal(tmp_path, "node_modules/some/drizzle")
    journal(tmp_path, ".cache/drizzle")
    assert "migrations" not in proposed(tmp_path)


def test_rollback_sql_beside_the_migrations_is_named(tmp_path: Path) -> None:
    journal(tmp_path, "db/drizzle")
    (tmp_path / "db/rollbacks").mkdir()
    (tmp_path / "db/rollbacks/0000_first.sql").write_text("drop table a;")
    assert proposed(tmp_path)["rollbacks"] == "db/rollbacks"


@pytest.mark.parametrize(
    ("name", "target"),
    [("@acme/Web Shop", "web-shop"), ("shop", "shop"), ("@acme/" + "x" * 80, "x" * 63), ("日本", "production")],
)
def test_the_target_is_named_after_the_package(tmp_path: Path, name: str, target: str) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"name": name}))
    assert proposed(tmp_path)["target"] == target
    load({"GATE_POLICY_FILE": str(write(tmp_path))})


def test_the_commands_that_are_proposed_use_the_projects_own_package_manager(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "pnpm-lock.yaml").write_text("")
    assert '# argv = ["pnpm", "test"]' in propose(tmp_path)


def test_every_commented_line_is_valid_when_its_mark_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(uncommented(propose(tmp_path)))
    settings, policy = load({"GATE_POLICY_FILE": str(file)})
    assert [c.name for c in policy.checks.command] == ["tests", "nothing-to-generate"]
    assert policy.window[0].time_zone == "Europe/Berlin"
    assert policy.apply == Policy().apply
    assert settings.watch_seconds == 60


def test_every_key_of_the_policy_is_shown(tmp_path: Path) -> None:
    shown = tomllib.loads(uncommented(propose(tmp_path)))
    for name, field in Policy.model_fields.items():
        keys = getattr(field.annotation, "model_fields", {})
        assert name in {"window", "freeze", "people"} or set(keys) <= set(shown[name]), name
    assert set(Window.model_fields) == set(shown["window"][0])
    assert set(Freeze.model_fields) == set(shown["freeze"][0])
    assert set(Person.model_fields) == set(shown["people"][0])
    assert set(Command.model_fields) == set(shown["checks"]["command"][0])


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("# ours\n")
    with pytest.raises(ConfigurationError) as refused:
        write(tmp_path)
    assert refused.value.message == f"{tmp_path / 'gate.toml'} is there already, and is never overwritten"
    assert (tmp_path / "gate.toml").read_text() == "# ours\n"


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(ConfigurationError):
        write(tmp_path)
    assert not (tmp_path / "elsewhere.toml").exists()


def test_a_folder_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        write(tmp_path / "nowhere")
    assert refused.value.message == f"{tmp_path / 'nowhere' / 'gate.toml'} cannot be written: No such file or directory"


def test_what_is_no_package_or_no_text_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_bytes(b"\xff{")
    (tmp_path / "drizzle.config.ts").write_bytes(b"\xff\xfe out: ")
    assert proposed(tmp_path)["target"]
