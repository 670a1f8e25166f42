"""Which database this is, so that no step ever acts on another one that merely answers at the same address."""

from tasks.gate.model import Model


class Identity(Model):
    """What PostgreSQL says of itself on a connection.

    `system_identifier` survives a failover, `timeline` does not (pg_control_system, pg_control_checkpoint).
    """

    system_identifier: str
    database_oid: int
    database: str
    timeline: int
    server_version_num: int  # e.g. 150020
    server_version: str  # e.g. "15.20"

    @property
    def major(self) -> int:
        """The server's major version, for example 15."""
        return self.server_version_num // 10000

    def same_database(self, other: "Identity") -> bool:
        """True when both name the same database of the same cluster, whatever its name or timeline is."""
        return (self.system_identifier, self.database_oid) == (other.system_identifier, other.database_oid)
