# Everything a stranger needs: `make demo`, `make test`. Each does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_ARGS ?=
EQUALITY_ARGS ?=
TEST_ARGS ?= -n 4 --dist loadgroup

# The tests start hundreds of processes: each takes the bytecode that the one before it left.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test kill-matrix segment-kills migrators readers equality defects repairs rollbacks doors presses least-privilege races engine-failures lint bench lock picture clean

setup: $(STAMP)

$(STAMP): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/gate demo $(DEMO_ARGS)

test: setup
	$(BIN)/python -m pytest $(TEST_ARGS)

# Every kill point with a release of its own: ten minutes, for changes to a step.
kill-matrix: setup
	KILL_MATRIX=1 $(BIN)/python -m pytest tests/acceptance/test_killed.py tests/acceptance/test_drill.py tests/integration/test_recover.py tests/integration/test_demo.py $(TEST_ARGS)

# The same for every statement and row of a release in segments: a quarter of an hour.
segment-kills: setup
	SEGMENT_KILLS=1 $(BIN)/python -m pytest tests/acceptance/test_segments.py $(TEST_ARGS)

# Fifty rounds of ten gates and three drizzle-kits at once on a migration that must not run twice, and fifty in which a
# drizzle-kit is met at any moment of its work: needs Node, ten minutes.
migrators: setup
	MIGRATORS=50 $(BIN)/python -m pytest -s tests/integration/test_migrators_at_once.py

# Two hundred reads a second on a table that is altered with a long transaction in the way.
readers: setup
	READERS=1 $(BIN)/python -m pytest -s tests/integration/test_readers.py

# Seeded defects over ten thousand random histories, and as many clean ones.
defects: setup
	HISTORIES=10000 HISTORIES_EACH=300 $(BIN)/python -m pytest tests/unit/test_defects.py $(TEST_ARGS)

# Each repair as a release of its own, and beside Drizzle's own migrators.
repairs: setup
	EVERY_REPAIR=1 $(BIN)/python -m pytest tests/acceptance/test_repair.py tests/equality/test_repairs.py $(TEST_ARGS)

# Every folder of ours through Drizzle's own migrators and through Gate: fifteen minutes, for changes to tasks/drizzle.
# EQUALITY_ARGS="FOLDER..." compares on folders of yours.
equality: setup
	$(BIN)/python -m tests.equality $(EQUALITY_ARGS)

# From the release event to the commit status, every way: approved, rejected, expired, everything killed while it waits.
# Each worker has a Prefect server of its own here: all in one group take half an hour.
doors: setup
	DOORS=1 $(BIN)/python -m pytest tests/acceptance/test_doors.py tests/acceptance/test_prefect_doors.py tests/acceptance/test_prefect.py tests/acceptance/test_windows.py tests/acceptance/test_conditions.py tests/acceptance/test_bad_input.py tests/integration/test_diff_rehearsal.py -n 4 --dist load

# A thousand presses, ten thousand requests of rubbish, whole releases through Slack: minutes, for changes to the doors.
presses: setup
	PRESSES=1 $(BIN)/python -m pytest -s tests/acceptance/test_presses.py tests/acceptance/test_slack_fuzz.py tests/acceptance/test_slack.py tests/integration/test_slack_attacks.py tests/integration/test_slack_races.py

# The demo's first and third act under the roles of deploy/roles.sql: one minute.
least-privilege: setup
	LEAST_PRIVILEGE=1 $(BIN)/python -m pytest tests/acceptance/test_least_privilege.py

# A hundred people decide at once in four processes, ten times over, in a directory and in S3.
races: setup
	RACES=10 $(BIN)/python -m pytest tests/integration/test_record_decisions.py $(TEST_ARGS)

# Every kind of draft, a rollback killed at each kind of moment, dbmate's whole way: five minutes, for changes to the way back.
rollbacks: setup
	ROLLBACKS=1 $(BIN)/python -m pytest tests/integration/test_draft_rollback.py tests/acceptance/test_rollback.py tests/dbmate tests/equality/test_rollback.py $(TEST_ARGS)

# Cancel, kill, drain, lost servers, zombies, canaries in every secret: twenty minutes, for changes to flows/offering.py.
engine-failures: setup
	ENGINE_FAILURES=1 $(BIN)/python -m pytest tests/acceptance/test_engine.py tests/acceptance/test_engine_servers.py tests/acceptance/test_canaries.py tests/acceptance/test_prefect.py tests/acceptance/test_prefect_csrf.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m tests.bench

# Resolves anew, without addresses of registries; needs uv on the PATH.
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet pyproject.toml --output-file requirements.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --constraint requirements.txt --extra dev pyproject.toml build-requirements.in --output-file requirements-dev.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet --constraint requirements-dev.txt build-requirements.in --output-file build-requirements.txt

picture: setup
	$(BIN)/gate demo --yes | $(BIN)/python docs/picture.py > docs/demo.svg

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
