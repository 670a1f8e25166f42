"""What a release waits for in production: named, never ended, and what cannot be looked at counts as there."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from config.policy import Conditions
from tasks.clients import postgres
from tasks.production_calm import unrest, wanted
from tests.integration.preflight_stage import plain_role

ALL = Conditions(long_transaction_seconds=0.05, other_dump=True, wraparound_vacuum=True, replica_lag_seconds=1)


@pytest.fixture
def looking(production: SecretStr) -> Iterator[postgres.Connection]:
    with postgres.connect(production, purpose="calm", read_only=True) as connection:
        yield connection


def test_a_calm_production_is_waited_for_by_nobody(looking: postgres.Connection) -> None:
    assert unrest(looking, ALL) == ()
    assert not wanted(Conditions())


def test_a_long_transaction_and_a_dump_are_named_with_who_and_since_when(
    looking: postgres.Connection, production: SecretStr
) -> None:
    address = production.get_secret_value()
    with psycopg.connect(address, application_name="billing") as busy, psycopg.connect(address) as dumping:
        busy.execute("select pg_sleep(0.1)")
        dumping.autocommit = True
        dumping.execute("set application_name = 'pg_dump'")
        found = unrest(looking, ALL)
        assert len(found) == 2
        assert found[0].startswith(f"process {busy.info.backend_pid} of postgres (billing), for ")
        assert found[0].endswith(", has a transaction open")
        assert found[1].endswith(", dumps this database")
        assert unrest(looking, Conditions(wraparound_vacuum=True, replica_lag_seconds=1)) == ()
        assert busy.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS


def test_whoever_may_not_look_is_told_which_grant_is_missing_and_waits(production: SecretStr) -> None:
    with plain_role(production) as (name, url), psycopg.connect(production.get_secret_value()) as other:
        other.execute("select 1")
        with postgres.connect(url, purpose="calm", read_only=True) as connection:
            (unseen,) = unrest(connection, Conditions(other_dump=True))
            assert unseen.endswith(f" cannot be looked into (GRANT pg_monitor TO {name})")
        other.execute(sql.SQL("grant pg_monitor to {}").format(sql.Identifier(name)))
        other.commit()
        with postgres.connect(url, purpose="calm", read_only=True) as connection:
            assert unrest(connection, Conditions(other_dump=True)) == ()
