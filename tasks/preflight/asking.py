"""Asks every check, whatever the others answer, and turns what goes wrong on the way into an answer too."""

import time
from collections.abc import Iterator, Sequence

import psycopg

from tasks.gate.errors import GateError
from tasks.gate.evidence import Finding
from tasks.gate.redaction import redacted
from tasks.preflight.check import Answer, Check, Subject_contra, failed


def ask_all(
    checks: Sequence[Check[Subject_contra]], subject: Subject_contra, secrets: frozenset[str]
) -> Iterator[Finding]:
    """One finding a check, in their order, each as soon as it is known; no secret in any of them.

    Args:
        checks: what to ask.
        subject: what to ask it about.
        secrets: texts that must not appear in a finding.
    """
    for check in checks:
        began = time.monotonic()
        answer = _answer(check, subject)
        yield Finding(
            check=check.name,
            title=check.title,
            verdict=answer.verdict,
            sentence=redacted(answer.sentence, secrets),
            evidence=tuple(redacted(line, secrets) for line in answer.evidence),
            hint=redacted(answer.hint, secrets),
            seconds=round(time.monotonic() - began, 3),
        )


def _answer(check: Check[Subject_contra], subject: Subject_contra) -> Answer:
    try:
        return check.ask(subject)
    except GateError as error:
        return failed(error.message, hint=error.hint)
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"  # the driver's own text may carry the address
        return failed(f"the question could not be asked: {said}", hint=_remedy(error))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return failed(f"the question could not be asked: {error.strerror or type(error).__name__}{where}")
    except Exception as error:  # noqa: BLE001  (one check's defect must not hide what the others found)
        return failed(
            f"the check itself failed: {type(error).__name__}: {error}",
            hint=f"waive {check.name} with a reason if you know why, and report this sentence",
        )


def _remedy(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "`gate doctor` names the privileges that are missing, with the GRANT to type"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "the server took longer than the time limit: look for load or locks, then run again"
    return "run `gate doctor`, then again"
