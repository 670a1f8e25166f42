"""Where a PostgreSQL database is: reads a URL once, says it without secrets, and points it at another database."""

from urllib.parse import quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from tasks.gate.errors import ConfigurationError

SCHEMES = ("postgresql", "postgres")
FORM = "postgresql://user:password@host:5432/database"


def secret_text(url: SecretStr | str) -> str:
    """The text of a URL that may be wrapped as a secret."""
    return url.get_secret_value() if isinstance(url, SecretStr) else url


def parameters(url: SecretStr | str) -> dict[str, str]:
    """The connection parameters that a URL names, by libpq's own parser.

    Raises:
        ConfigurationError: not a postgresql:// URL, malformed, or without a database. Its text never quotes the URL.
    """
    text = secret_text(url).strip()
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme not in SCHEMES:
        found = f"one that starts with {scheme}://" if scheme.isalnum() and scheme else "something else"
        raise ConfigurationError(f"expected a postgresql:// URL, found {found}", hint=f"write it as {FORM}")
    odd = _what_is_odd(text)
    try:
        found_parameters = {k: str(v) for k, v in conninfo_to_dict(text).items() if v is not None}
    except ProgrammingError:
        # libpq quotes the whole URL, password included, in some of its complaints: none of them may go on.
        found_parameters, odd = {}, odd or "an option after ? is not one that PostgreSQL knows, or has no value"
    if odd or not all(port.isdigit() for port in found_parameters.get("port", "").split(",") if port):
        raise ConfigurationError(
            f"the database URL is malformed: {odd or 'its port is not a number'}",
            hint=f"write it as {FORM}; percent-encode @ : / ? # and spaces in the user and the password",
        ) from None
    if "service" in found_parameters:
        raise ConfigurationError(
            "the database URL names a libpq service, which this machine may resolve to any server",
            hint=f"name the host and the database in the URL itself: {FORM}",
        )
    if not found_parameters.get("dbname"):
        raise ConfigurationError(
            f"the database URL for {found_parameters.get('host') or 'the local socket'} names no database",
            hint=f"write it as {FORM}",
        )
    return found_parameters


def place(found: dict[str, str]) -> str:
    """The server of these parameters, for messages: `db.example.com:5432`, or its socket folder."""
    host = found.get("host") or found.get("hostaddr") or ""
    port = found.get("port") or "5432"
    if not host:
        return f"the local socket (port {port})"
    if host.startswith(("/", "@")):
        return f"the socket in {host}"
    hosts, ports = host.split(","), port.split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return ",".join(
        f"[{h}]:{p or 5432}" if ":" in h else f"{h}:{p or 5432}" for h, p in zip(hosts, ports, strict=False)
    )


def describe(url: SecretStr | str) -> str:
    """A URL for messages, without user or secrets: `shop at db.example.com:5432`.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    found = parameters(url)
    return f"{found['dbname']} at {place(found)}"


def with_database(url: SecretStr | str, database: str) -> SecretStr:
    """The same server, user and options, another database.

    Raises:
        ConfigurationError: the URL cannot be read.
    """
    return make_url({**parameters(url), "dbname": database})


def make_url(found: dict[str, str]) -> SecretStr:
    """The postgresql:// URL of connection parameters; what does not fit into its head goes into the query."""
    rest = dict(found)
    database = quote(rest.pop("dbname", ""), safe="")
    user, password = rest.pop("user", ""), rest.pop("password", "")
    login = quote(user, safe="")
    if password:
        login += ":" + quote(password, safe="")
    host, authority = rest.get("host", ""), ""
    if host and "," not in host and not host.startswith(("/", "@")):
        authority = f"[{host}]" if ":" in host else quote(host, safe="")
        rest.pop("host")
        if "port" in rest:
            authority += f":{rest.pop('port')}"
    head = f"{login}@{authority}" if login else authority
    query = urlencode(rest, quote_via=quote, safe="/")
    return SecretStr(f"postgresql://{head}/{database}" + (f"?{query}" if query else ""))


def _what_is_odd(text: str) -> str:
    """Which part of the URL cannot be meant, without quoting any of it.

    A password with a bare @ or / is cut at that character by every parser, and its rest would be shown to the world as
    the name of a host or a database.
    """
    head = text.partition("://")[2].partition("?")[0]
    if any(character.isspace() for character in text):
        return "it holds a space"
    if head.count("@") > 1:
        return "it holds more than one @"
    if "@" in head.partition("/")[2]:
        return "it holds a / before the @"
    return ""
