"""A scratch server for who has only a folder: of production's version where that is known, else the newest here."""

from collections.abc import Iterator
from contextlib import contextmanager

from config.settings import Settings
from tasks.clients import postgres
from tasks.clients.programs import Programs, all_installed, find
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.clients.session_settings import BY_ITSELF, Session, session_of
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.identity import Identity
from tasks.workshop import look


@contextmanager
def scratch_for_drafts(settings: Settings, major: int | None = None) -> Iterator[tuple[ScratchServer, Programs]]:
    """A scratch server and client programs that fit it; production is asked for its version, and need not answer.

    Args:
        settings: a scratch server of the team's, the folder of programs.
        major: the version that is wanted of a throw-away cluster; production's, or the newest here, when None.

    Raises:
        Refused: no such PostgreSQL server programs are on this machine, and GATE_SCRATCH_URL is not set.
    """
    production = _production(settings)
    if settings.scratch_url is not None:
        with postgres.connect(settings.scratch_url, purpose="look", read_only=True) as connection:
            found = postgres.identity(connection).major
        programs = find(found, settings.pg_bin, server=False)
    elif major is not None:
        programs = find(major, settings.pg_bin, server=True)
    elif production is not None:
        programs = find(production.major, settings.pg_bin, server=True)
    else:
        programs = _newest(settings)
    with scratch_server(programs, configured=settings.scratch_url, never=production) as server:
        yield server, programs


def production_session(settings: Settings) -> Session:
    """How production's sessions begin; as PostgreSQL has it by itself where production is not set or away."""
    try:
        if settings.production_url is None:
            return BY_ITSELF
        with postgres.connect(settings.production_url, purpose="look", read_only=True) as connection:
            return session_of(connection)
    except ConfigurationError:
        return BY_ITSELF


def _production(settings: Settings) -> Identity | None:
    try:
        return None if settings.production_url is None else look(settings)
    except ConfigurationError:
        return None


def _newest(settings: Settings) -> Programs:
    servers = [p for p in all_installed(settings.pg_bin) if p.has_server]
    if not servers:
        raise Refused(
            "this needs a scratch server, and no PostgreSQL server programs are on this machine",
            hint="install postgresql, or set GATE_SCRATCH_URL to an empty server",
        )
    return max(servers, key=lambda p: p.major)
