"""The PostgreSQL programs fit production: not older than its server, and able to restore what they dump."""

from tasks.clients.programs import find
from tasks.preflight.check import Answer, Check, passed, warned
from tasks.preflight.question import Surroundings


def ask(around: Surroundings) -> Answer:
    """Find the programs as the backup will; an unsuitable version is refused with what to install."""
    identity = around.identity
    programs = around.programs()
    lines = [f"pg_dump {programs.version} in {programs.directory}", f"production runs {identity.server_version}"]
    if around.settings.scratch_url is None:
        server = find(identity.major, around.settings.pg_bin, server=True)
        lines.append(f"scratch servers are made by PostgreSQL {server.version} in {server.directory}")
    if programs.major == identity.major and _minor(programs.version) < _minor(identity.server_version):
        return warned(
            f"pg_dump {programs.version} is older than production's {identity.server_version}",
            lines,
            hint="update the client packages to the server's minor version: an older client may write what a "
            "restore does not understand",
        )
    return passed(f"pg_dump {programs.version} fits PostgreSQL {identity.server_version}", lines)


def _minor(version: str) -> int:
    digits = version.partition(".")[2]
    return int(digits) if digits.isdigit() else 0


CHECK = Check("client-tools", "The PostgreSQL programs fit production", ask)
