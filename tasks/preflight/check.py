"""What a check is, and the five ways in which it may answer."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from tasks.gate.evidence import Verdict

Subject_contra = TypeVar("Subject_contra", contravariant=True)  # a check of surroundings also checks a question


class Answer(NamedTuple):
    """What a check found: one sentence, what it saw, and what to do about it."""

    verdict: Verdict
    sentence: str
    evidence: tuple[str, ...] = ()
    hint: str = ""


class Check(NamedTuple, Generic[Subject_contra]):
    """A question that is only asked: it never acts.

    `name` is stable, because `--waive` and gate.toml use it.
    """

    name: str
    title: str
    ask: Callable[[Subject_contra], Answer]
    repairs_only: bool = False  # asks what a repair of the ledger takes for true
    releases_only: bool = False  # asks about pending migrations, which a rollback or a repair has none of


def passed(sentence: str, evidence: Sequence[str] = ()) -> Answer:
    """All is well."""
    return Answer(Verdict.PASS, sentence, tuple(evidence))


def warned(sentence: str, evidence: Sequence[str] = (), *, hint: str = "") -> Answer:
    """Nothing refuses, and the approver should know."""
    return Answer(Verdict.WARN, sentence, tuple(evidence), hint)


def failed(sentence: str, evidence: Sequence[str] = (), *, hint: str = "") -> Answer:
    """Refuses the release, unless somebody waives it."""
    return Answer(Verdict.FAIL, sentence, tuple(evidence), hint)


def not_configured(sentence: str, *, hint: str = "") -> Answer:
    """Was not asked, because nothing says what to ask."""
    return Answer(Verdict.NOT_CONFIGURED, sentence, (), hint)
