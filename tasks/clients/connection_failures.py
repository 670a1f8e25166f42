"""Why a connection failed, in one sentence with a remedy: the one place that reads libpq's texts."""

import re
from typing import NamedTuple

import psycopg

from tasks.clients.address import place
from tasks.gate.errors import ConfigurationError


class Cause(NamedTuple):
    """A text that libpq or the server says, what it means, and what to do about it."""

    pattern: str
    sentence: str
    hint: str
    closed: bool = False  # of this database alone: another one of the same server may let the user in


class NotLetIn(ConfigurationError):
    """The server answers, and this database is not there or is closed to this user."""


# The first that matches wins. Sentences and hints may use {place}, {database}, {user}.
CAUSES: tuple[Cause, ...] = (
    Cause(
        r"no password supplied|empty password",
        "the server asks for a password and none was given",
        "put the password into the URL, or into the file that PGPASSFILE names",
    ),
    Cause(
        r"password authentication failed|SASL authentication failed|wrong password",
        "the password was not accepted for user {user}",
        "check the user and the password in the URL; percent-encode @ : / ? # in them",
    ),
    Cause(
        r"(?:Peer|Ident|GSSAPI|LDAP|PAM|RADIUS|certificate) authentication failed",
        "the server's authentication method refused user {user}",
        "ask for a user with a password (scram-sha-256 in pg_hba.conf) from this machine",
        closed=True,
    ),
    Cause(
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "the server's pg_hba.conf does not let user {user} in from this machine",
        "add a line to pg_hba.conf for this user, database and address (or use sslmode=require if it asks for SSL)",
        closed=True,
    ),
    Cause(
        r'database "[^"]*" does not exist|no such database',
        "there is no database {database} on that server",
        "check the database's name in the URL (names are case-sensitive)",
        closed=True,
    ),
    Cause(
        r'role "[^"]*" does not exist|no such user',
        "there is no role {user} on that server",
        "check the user's name in the URL",
    ),
    Cause(
        r"not currently accepting connections",
        "database {database} does not accept connections",
        "look for an unfinished recovery with `gate status`; then ALTER DATABASE ... ALLOW_CONNECTIONS true",
        closed=True,
    ),
    Cause(
        r"does not have CONNECT privilege|permission denied for database",
        "user {user} may not connect to database {database}",
        "GRANT CONNECT ON DATABASE ... TO this user",
        closed=True,
    ),
    Cause(
        r"is not permitted to log in",
        "role {user} is not allowed to log in",
        "use a role with LOGIN, or ALTER ROLE ... LOGIN",
    ),
    Cause(
        r"too many clients|connection slots are reserved|too many connections",
        "the server has no free connection for user {user}",
        "wait until other clients have left, or raise max_connections or the role's connection limit",
    ),
    Cause(
        r"starting up|not yet accepting|in recovery mode",
        "the server is still starting up",
        "wait until it accepts connections and start again",
    ),
    Cause(r"shutting down", "the server is shutting down", "start it again"),
    Cause(
        r"could not translate host name|Name or service not known|failed to resolve host|nodename nor servname"
        r"|No address associated",
        "the host name is unknown",
        "check the host in the URL, and that this machine's DNS knows it",
    ),
    Cause(
        r"certificate verify failed|root certificate file|certificate .*host ?name|does not match host name",
        "the server's certificate could not be verified",
        "give the right authority with sslrootcert=/path/ca.pem, and the host name that the certificate names",
    ),
    Cause(
        r"does not support SSL|SSL was required",
        "the server does not speak SSL, and the URL's sslmode insists on it",
        "switch SSL on at the server, or check that host and port are the right ones",
    ),
    Cause(
        r"invalid sslmode|sslmode value|SSL support is not compiled",
        "the URL's sslmode cannot be used",
        "use one of disable, allow, prefer, require, verify-ca, verify-full",
    ),
    Cause(
        r"SSL error|SSL SYSCALL|private key file|certificate file",
        "SSL could not be set up",
        "check sslmode, sslrootcert, sslcert and sslkey in the URL",
    ),
    Cause(
        r"session is (?:read-only|not read-only)|server is (?:not )?in hot standby",
        "no server of the URL is of the kind that target_session_attrs asks for",
        "name the primary's host in the URL",
    ),
    Cause(
        r"invalid (?:port|integer|connection option|[a-z_]+ value)",
        "an option in the URL has a value that PostgreSQL does not know",
        "check the port and what follows ? in the URL",
    ),
    Cause(
        r"unrecognized configuration parameter|unsupported startup parameter",
        "the server refused an option of the URL",
        "remove what the server does not know from options in the URL",
    ),
    Cause(
        r"timeout expired|timed out",
        "no answer came in time",
        "check host, port and firewall: a wrong address in a private network usually stays silent",
    ),
    Cause(
        r"No such file or directory",
        "no server has its socket there",
        "start the server, or name its host in the URL: postgresql://user@host/database",
    ),
    Cause(
        r"Connection refused",
        "nothing listens there",
        "check host and port, and that the server is running and listens on that address",
    ),
    Cause(
        r"No route to host|Network is unreachable|Cannot assign requested address",
        "the network has no way to that host",
        "check the host in the URL, the VPN and the routes of this machine",
    ),
    Cause(
        r"expected authentication request|received invalid response|unsupported frontend protocol"
        r"|invalid response to SSL",
        "what answers there is not a PostgreSQL server",
        "check the port in the URL",
    ),
    Cause(
        r"closed the connection unexpectedly|connection reset|Connection reset|Broken pipe|EOF detected",
        "the server closed the connection",
        "check that host and port belong to PostgreSQL, and read the server's log",
    ),
)


def translate(error: psycopg.Error, found: dict[str, str]) -> ConfigurationError:
    """The failure as a sentence for the person on call; the password is in none of its parts.

    Args:
        error: what psycopg raised while connecting.
        found: the connection parameters that were used.
    """
    nouns = {"place": place(found), "database": found.get("dbname", ""), "user": found.get("user") or "of this account"}
    head = f"cannot connect to {nouns['database']} at {nouns['place']}: "
    text = str(error)
    for cause in CAUSES:
        if re.search(cause.pattern, text, re.IGNORECASE):
            kind = NotLetIn if cause.closed else ConfigurationError
            return kind(head + cause.sentence.format(**nouns), hint=cause.hint.format(**nouns), **nouns)
    said = without_secrets(text.strip().splitlines()[0] if text.strip() else type(error).__name__, found)
    return ConfigurationError(head + said, hint="read the server's log for the reason", **nouns)


def without_secrets(text: str, found: dict[str, str]) -> str:
    """The text with every secret of these parameters blotted out."""
    for name in ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"):
        if found.get(name):
            text = text.replace(found[name], "***")
    return text
