"""The acting lock: one process a target, and the other one is told who it is."""

import os
import socket
import subprocess
import sys
import time

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.acting_lock import ActingLock, somebody_acts
from tasks.clients.address import parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import Busy, ConfigurationError
from tests.servers.postgres import changed, fresh_database, login_role

FOUND = "select application_name, pid from pg_stat_activity where application_name like 'gate acting for %'"


def sessions(server: EmbeddedServer, target: str) -> list[int]:
    with postgres.connect(server.url(), purpose="test") as connection:
        return [pid for name, pid in connection.execute(FOUND).fetchall() if f"for {target} " in name]


def test_a_second_gate_is_told_who_acts_now(production: SecretStr):
    with ActingLock.take(production, "told"), pytest.raises(Busy) as refused:
        ActingLock.take(production, "told")
    sentence = str(refused.value)
    assert "another gate acts on told now: pid " in sentence
    assert f"{socket.gethostname()[:16]}:{os.getpid()}" in sentence
    assert ", since 20" in sentence
    assert "from 127.0.0.1" in sentence
    assert refused.value.exit_code == 7


def test_who_acts_is_said_in_one_form_whatever_datestyle_the_database_has(production: SecretStr):
    name = parameters(production)["dbname"]
    with postgres.connect(production, purpose="test") as connection:
        connection.execute(sql.SQL("alter database {} set datestyle = 'German'").format(sql.Identifier(name)))
    with ActingLock.take(production, "styled", maintenance_database=name):
        with pytest.raises(Busy, match=r", since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+0000, from 127"):
            ActingLock.take(production, "styled", maintenance_database=name)
        assert somebody_acts(production, "styled", maintenance_database=name)


def test_two_targets_on_one_server_do_not_block_each_other(production: SecretStr):
    with ActingLock.take(production, "one"), ActingLock.take(production, "other"):
        assert somebody_acts(production, "one")
        assert somebody_acts(production, "other")


def test_two_databases_of_one_server_share_the_lock_of_a_target(
    production: SecretStr, production_server: EmbeddedServer
):
    with ActingLock.take(production, "shared"), pytest.raises(Busy):
        ActingLock.take(production_server.url(), "shared")


def test_the_lock_is_free_right_after_the_block(production: SecretStr):
    for _ in range(20):
        ActingLock.take(production, "freed").release()
    assert somebody_acts(production, "freed") is False


def test_a_lost_session_gives_the_lock_up_and_leaving_it_says_nothing(
    production: SecretStr, production_server: EmbeddedServer
):
    with ActingLock.take(production, "lost"):
        (pid,) = sessions(production_server, "lost")
        with postgres.connect(production_server.url(), purpose="test") as connection:
            connection.execute("select pg_terminate_backend(%s, 5000)", [pid])
        ActingLock.take(production, "lost").release()


def test_the_lock_survives_the_renaming_of_the_database(production: SecretStr, production_server: EmbeddedServer):
    name = production_server.url().get_secret_value()
    database = production.get_secret_value().rpartition("/")[2]
    with ActingLock.take(production, "renamed"), psycopg.connect(name, autocommit=True) as connection:
        for before, after in ((database, f"{database}_x"), (f"{database}_x", database)):
            rename = sql.SQL("alter database {} rename to {}")
            connection.execute(rename.format(sql.Identifier(before), sql.Identifier(after)))
        assert somebody_acts(production, "renamed")


def test_without_a_maintenance_database_the_lock_is_kept_in_production(production: SecretStr):
    own = parameters(production)["dbname"]
    with ActingLock.take(production, "fallen back", maintenance_database="nowhere"):
        for place in ("nowhere", own):
            with pytest.raises(Busy, match="another gate acts on fallen back now"):
                ActingLock.take(production, "fallen back", maintenance_database=place)


def test_a_maintenance_database_that_is_only_full_now_is_no_reason_to_keep_the_lock_elsewhere(
    production: SecretStr, production_server: EmbeddedServer
):
    with login_role(production_server, "crowded") as password, fresh_database(production_server, "full") as full:
        url, place = changed(production, user="crowded", password=password), parameters(full)["dbname"]
        with postgres.connect(full, purpose="test") as connection:
            name = sql.Identifier(place)
            connection.execute(sql.SQL("alter database {} connection limit 0").format(name))
            with pytest.raises(ConfigurationError, match=f"cannot connect to {place} at .* has no free connection"):
                ActingLock.take(url, "crowded", maintenance_database=place)
            assert somebody_acts(url, "crowded", maintenance_database=place) is None
            connection.execute(sql.SQL("revoke connect on database {} from public").format(name))
        ActingLock.take(url, "crowded", maintenance_database=place).release()


def test_a_role_that_sees_little_is_told_what_it_may_see(production: SecretStr, production_server: EmbeddedServer):
    login = sql.SQL("create role small login password 'small'")
    with postgres.connect(production_server.url(), purpose="test") as connection:
        connection.execute(login)
    small = SecretStr(
        f"postgresql://small:small@127.0.0.1:{production_server.cluster.port}/"
        + production.get_secret_value().rpartition("/")[2]
    )
    try:
        with ActingLock.take(production, "seen"), pytest.raises(Busy, match="another gate acts on seen now: pid"):
            ActingLock.take(small, "seen")
    finally:
        with postgres.connect(production_server.url(), purpose="test") as connection:
            connection.execute("drop role small")


def test_an_unreachable_server_is_a_matter_of_configuration():
    with pytest.raises(ConfigurationError, match="nothing listens there"):
        ActingLock.take("postgresql://u:p@127.0.0.1:1/shop", "nowhere")


def test_a_killed_process_frees_the_lock(production: SecretStr):
    script = (
        "import sys, time; from tasks.clients.acting_lock import ActingLock\n"
        "lock = ActingLock.take(sys.stdin.readline().strip(), 'killed'); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(production.get_secret_value() + "\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy):
        ActingLock.take(production, "killed")
    holder.kill()
    holder.communicate()
    for _ in range(100):
        try:
            ActingLock.take(production, "killed").release()
        except Busy:
            time.sleep(0.05)
            continue
        break
    else:
        pytest.fail("the server still thinks that the killed process acts")
