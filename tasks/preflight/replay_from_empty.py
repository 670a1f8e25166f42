"""Tested locally: every migration of the folder runs, in order, on an empty database of production's major version."""

import time

from tasks.gate.wording import count, duration
from tasks.preflight.check import Answer, Check, passed
from tasks.preflight.question import Question


def ask(question: Question) -> Answer:
    """Replay the folder on the scratch server; the replay itself names the migration and the statement that fails."""
    server = question.scratch()
    began = time.monotonic()
    question.replayed()
    many = count(len(question.folder.migrations), "migration")
    took = duration(time.monotonic() - began)
    return passed(f"{many} ran from an empty database on PostgreSQL {server.version_num // 10000} in {took}")


CHECK = Check("replay", "Tested locally, from an empty database", ask, releases_only=True)
