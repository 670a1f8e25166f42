"""Squawk's findings beside ours: one list of hazards, no double; which of its rules say what, and which are none."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tasks.gate.effect import Effect, Hazard
from tasks.gate.plan import Problem

# A rule of squawk, and the hazards of ours that say the same; with one of them its finding is a double.
SAME: dict[str, tuple[str, ...]] = {
    "adding-field-with-default": ("add-column-rewrite",),
    "adding-foreign-key-constraint": ("foreign-key-scan",),
    "adding-not-nullable-field": ("not-null-scan",),
    "adding-required-field": ("required-column",),
    "adding-serial-primary-key-field": ("add-column-rewrite", "unique-index"),
    "ban-alter-domain-with-add-constraint": ("domain-scan",),
    "ban-disable-trigger": ("disable-trigger",),
    "ban-drop-column": ("drop-column",),
    "ban-drop-constraint": ("drop-constraint",),
    "ban-drop-database": ("cluster",),
    "ban-drop-extension": ("drop-extension",),
    "ban-drop-function": ("drop-function",),
    "ban-drop-policy": ("drop-policy",),
    "ban-drop-schema": ("drop-schema",),
    "ban-drop-sequence": ("drop-sequence",),
    "ban-drop-table": ("drop-table",),
    "ban-drop-trigger": ("drop-trigger",),
    "ban-drop-type": ("drop-type",),
    "ban-drop-view": ("drop-view",),
    "ban-set-schema": ("set-schema",),
    "ban-truncate-cascade": ("truncate-cascade",),
    "changing-column-type": ("column-type",),
    "constraint-missing-not-valid": ("foreign-key-scan", "check-scan", "unique-index"),
    "disallowed-unique-constraint": ("unique-index",),
    "prefer-repack": ("cluster-table", "vacuum-full"),
    "renaming-column": ("rename-column",),
    "renaming-object": ("rename-type", "rename-view"),
    "renaming-table": ("rename-table",),
    "require-concurrent-index-creation": ("index-blocks-writes",),
    "require-concurrent-partition-detach": ("detach-partition",),
    "require-concurrent-reindex": ("reindex-blocks",),
}
# The gate sets the time limits, wraps the transaction and names a file that it cannot parse; the rest is taste.
NOT_A_HAZARD = frozenset(
    {
        "ban-char-field",
        "ban-concurrent-index-creation-in-transaction",
        "ban-create-domain-with-constraint",
        "ban-uncommitted-transaction",
        "prefer-bigint-over-int",
        "prefer-bigint-over-smallint",
        "prefer-identity",
        "prefer-robust-stmts",
        "prefer-text-field",
        "prefer-timestamp-tz",
        "require-enum-value-ordering",
        "require-lock-timeout",
        "require-statement-timeout",
        "require-table-schema",
        "require-timeout-settings",
        "syntax-error",
        "transaction-nesting",
        "unused-ignore",
    }
)


class Remark(NamedTuple):
    """One finding of squawk."""

    rule: str
    line: int  # of the text that it was given, from 0
    message: str
    help: str


class Linted(NamedTuple):
    """A release as squawk reads it: one text, so that it knows in one migration what another one made."""

    text: str
    starts: tuple[int, ...]  # the line of each statement, from 0


def text_of(statements: Sequence[str]) -> Linted:
    """All statements of a release as one text, each from a line of its own on."""
    lines: list[str] = []
    starts: list[int] = []
    for statement in statements:
        starts.append(len(lines))
        lines += [*statement.split("\n"), ";"]  # a line of its own: a statement may end in a comment
    return Linted("\n".join(lines), tuple(starts))


def merged(effects: Sequence[Effect], linted: Linted, remarks: Sequence[Remark]) -> tuple[Effect, ...]:
    """The effects with what squawk adds to them.

    Args:
        effects: of the statements of the text, in their order.
        linted: the text.
        remarks: what squawk said of it.
    """
    more: dict[int, list[Hazard]] = {}
    for index, remark in _placed(linted, remarks):
        if not _is_known(effects[index], remark):
            said = f"{remark.message} {remark.help}".strip().rstrip(".")
            more.setdefault(index, []).append(
                Hazard(kind=f"squawk:{remark.rule}", sentence=f"{said} (squawk: {remark.rule})")
            )
    return tuple(
        effect.model_copy(update={"hazards": (*effect.hazards, *dict.fromkeys(more.get(index, ())))})
        for index, effect in enumerate(effects)
    )


def refusals_of(effects: Sequence[Effect], linted: Linted, remarks: Sequence[Remark]) -> tuple[Problem, ...]:
    """Every finding as a problem, for a policy that lets squawk refuse; also those that we say ourselves."""
    found = {(index, remark.rule): remark for index, remark in _placed(linted, remarks)}
    return tuple(
        Problem(
            tag=effects[index].tag,
            kind="squawk",
            cause=f"{effects[index].where}: {remark.message.rstrip('.')} (squawk: {rule})",
            remedy=remark.help.rstrip(".") or 'change the statement, or set squawk = "note" in [checks] of gate.toml',
        )
        for (index, rule), remark in found.items()
    )


def _placed(linted: Linted, remarks: Sequence[Remark]) -> Iterator[tuple[int, Remark]]:
    for remark in remarks:
        index = bisect_right(linted.starts, remark.line) - 1
        if remark.rule not in NOT_A_HAZARD and index >= 0:
            yield index, remark


def _is_known(effect: Effect, remark: Remark) -> bool:
    """True when we say the same, or say nothing because nobody else uses a table that this release makes."""
    same = SAME.get(remark.rule, ())
    locked = [touched for touched in effect.touched if touched.lock]
    among_new = bool(same and locked) and all(touched.new for touched in locked)
    return among_new or any(hazard.kind in same for hazard in effect.hazards)
