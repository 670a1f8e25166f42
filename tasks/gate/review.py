"""The review file: who looked at which migrations, as lines that a person writes and a pull request shows.

    Reviewed-by: Grace Hopper <grace@example.com>
    Migration: 0007_add_orders
    Migration: 0008_backfill 3f2a9c0de1b2

A migration may be followed by the first 8 or more digits of its hash, so that a later edit voids the review. A line
`Plan: <digest>` covers a whole plan instead. Names of lines are not case-sensitive, a leading `-` or `*` is allowed,
and every other line is left alone, so the lines may stand in a Markdown file.
"""

import re
from collections.abc import Sequence

from tasks.gate.model import Model
from tasks.gate.plan import Migration

LINE = re.compile(r"^[\s>*-]*(reviewed-by|migration|plan)\s*:\s*(.*?)\s*$", re.IGNORECASE)
SHORTEST_DIGEST = 8  # digits; fewer could be met by chance


class Review(Model):
    """What a review file says."""

    reviewers: tuple[str, ...]
    migrations: dict[str, str]  # tag to the first digits of its hash, empty when none are given
    plans: tuple[str, ...]


def read_review(text: str) -> Review:
    """The review in a text; empty where it says nothing."""
    reviewers: list[str] = []
    migrations: dict[str, str] = {}
    plans: list[str] = []
    for line in text.splitlines():
        if (found := LINE.match(line)) is None or not found[2]:
            continue
        key, value = found[1].lower(), found[2].strip("`")
        if key == "reviewed-by":
            reviewers.append(value)
        elif key == "migration":
            tag, _, digits = value.partition(" ")
            migrations[tag.strip("`").removesuffix(".sql")] = digits.strip(" `()").removeprefix("sha256:").lower()
        else:
            plans.append(value.removeprefix("sha256:").lower())
    return Review(reviewers=tuple(reviewers), migrations=migrations, plans=tuple(plans))


def gaps(review: Review, pending: Sequence[Migration], digest: str) -> tuple[str, ...]:
    """What keeps the review from covering these migrations, in words; empty when it covers them."""
    lines = [] if review.reviewers else ["nobody is named: a line `Reviewed-by: NAME` is missing"]
    if any(len(p) >= SHORTEST_DIGEST and digest.startswith(p) for p in review.plans):
        return tuple(lines)
    for migration in pending:
        digits = review.migrations.get(migration.tag)
        if digits is None:
            lines.append(f"{migration.tag} is not named")
        elif digits and len(digits) < SHORTEST_DIGEST:
            lines.append(f"{migration.tag} is named with {len(digits)} digits of its hash, too few to mean anything")
        elif digits and not migration.hash.startswith(digits):
            lines.append(f"{migration.tag} was changed after the review: its hash is {migration.hash[:12]} now")
    return tuple(lines)
