"""Writes rollback SQL from two catalogs, before a migration and after it; it decides, and runs nothing."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

# In the order in which objects are made; they are removed in the other direction.
ORDER = (
    "schema",
    "extension",
    "enum",
    "domain",
    "domain constraint",
    "composite type",
    "sequence",
    "table",
    "function",
    "column",
    "partition",
    "ownership",
    "default",
    "not null",
    "identity",
    "constraint",
    "index",
    "foreign key",
    "view",
    "materialized view",
    "trigger",
    "rule",
    "policy",
    "setting",
    "statistics",
    "comment",
    "grant",
)
RANK = {kind: place for place, kind in enumerate(ORDER)}
# Types come back before the columns that are changed to them, and go after the columns that are changed from them.
DEEP = RANK["column"]
TYPES = RANK["sequence"]
ALTERED = ("column", "sequence", "identity", "domain")  # changed where they are: their shape is the text
REPLACED = "function"
FACETS = ("default", "not null", "identity")
MERGED = ("column", *FACETS, "constraint", "foreign key", "index")
QUERIES = ("view", "materialized view")
RENAMES = ("schema", "place", "relation", "column", "type", "value", "function", "constraint", "trigger", "policy")

Names = Mapping[tuple[str, int, int], tuple[str, str]]  # (kind, oid, sub) -> name, and the text of its RENAME


class SchemaObject(NamedTuple):
    """One object of a schema, or one property of it that is set and reset on its own."""

    kind: str
    name: str
    create: str
    drop: str
    of: str  # the relation or type that it comes and goes with; empty when it stands alone
    order: int  # in which the server numbered it
    shape: str  # see the queries; what decides between altering, replacing and making anew


class Dependence(NamedTuple):
    """A view needs a relation, or one column of it."""

    view: str
    relation: str
    column: str


class Catalog(NamedTuple):
    """Everything of a database."""

    objects: dict[tuple[str, str], SchemaObject]
    depends: tuple[Dependence, ...] = ()


class Draft(NamedTuple):
    """Statements that lead back, and what they do not bring back, in words."""

    statements: tuple[str, ...]
    lost: tuple[str, ...]


def next_rename(before: Names, after: Names) -> str | None:
    """The text that gives one thing its former name back; None when all have theirs.

    One at a time, because each changes how the others are spelled.
    """
    for kind in RENAMES:
        for key, (name, text) in after.items():
            if key[0] == kind and key in before and before[key][0] != name:
                return text.replace("{old}", before[key][0])
    return None


def down(before: Catalog, after: Catalog) -> Draft:
    """What leads from `after` back to `before`, two databases where the same things have the same names."""
    gone = [o for key, o in before.objects.items() if key not in after.objects]
    new = [o for key, o in after.objects.items() if key not in before.objects]
    both = [(o, after.objects[key]) for key, o in before.objects.items() if key in after.objects]
    changed = [(old, now) for old, now in both if _differ(old, now)]
    made = {o.name for o in gone if o.kind == "table"}
    drops, creates = _separately(new), [o for o in gone if not (o.kind == "column" and o.of in made)]
    moved = _attached(new, before) | _attached(gone, after)
    drops = [o for o in drops if not (o.of in moved and o.kind in MERGED)]
    creates = [o for o in creates if not (o.of in moved and o.kind in MERGED)]
    alters: list[str] = []
    lost = [*_lost(gone, made)]
    for old, now in changed:
        if old.kind == "enum":
            lost.append(_values(old, now))
        elif old.kind in ALTERED and old.shape:
            alters.append(old.shape)
            if old.kind == "column":
                lost.append(f"what the conversion of column {old.name} lost of its values stays lost")
                drops += _facets(after, old)
                creates += _facets(before, old)
        elif old.kind == REPLACED and old.shape == now.shape:
            creates.append(old)
        else:
            drops.append(now)
            creates.append(old)
    drops, creates = _with_views(before, after, drops, creates, [o.name for o, _ in changed if o.kind == "column"])
    return Draft(tuple(_ordered(drops, creates, alters)), tuple(dict.fromkeys(lost)))


def _differ(old: SchemaObject, now: SchemaObject) -> bool:
    """A table's own text holds its columns, which are objects of their own; only its kind is its own."""
    if old.kind == "table":
        return old.shape != now.shape
    return (old.create, old.shape) != (now.create, now.shape)


def _separately(new: list[SchemaObject]) -> list[SchemaObject]:
    """What has to be removed by a statement of its own: not what goes with its table or its column."""
    tables = {o.name for o in new if o.kind in ("table", *QUERIES)}
    columns = {o.name for o in new if o.kind == "column"}
    own = [o for o in new if o.of not in tables or o.kind == "foreign key"]
    names = {f"column {name}" for name in columns} | {f"{o.kind} {o.name}" for o in new}
    return [
        o for o in own if not (o.kind in FACETS and o.name in columns) and not (o.kind == "comment" and o.name in names)
    ]


def _attached(partitions: Iterable[SchemaObject], other: Catalog) -> set[str]:
    """Tables that are a partition in one catalog only: attaching and detaching merges what belongs to them."""
    return {o.name for o in partitions if o.kind == "partition" and ("table", o.name) in other.objects}


def _facets(catalog: Catalog, column: SchemaObject) -> list[SchemaObject]:
    """A default of the other type is in the way of a change of the type."""
    found = catalog.objects.get(("default", column.name))
    return [found] if found else []


def _with_views(
    before: Catalog, after: Catalog, drops: list[SchemaObject], creates: list[SchemaObject], retyped: list[str]
) -> tuple[list[SchemaObject], list[SchemaObject]]:
    """Views that stand on what is removed or changed go first and come back last, though they stay the same."""
    touched = {o.name for o in drops if o.kind in ("table", *QUERIES)} | set(retyped)
    names = {o.name for o in drops if o.kind in QUERIES}
    more = True
    while more:
        found = {d.view for d in after.depends if d.relation in touched or f"{d.relation}.{d.column}" in touched}
        more = bool(found - names)
        names |= found
        touched |= found
    queries = {o.name: o for o in after.objects.values() if o.kind in QUERIES}
    former = {o.name: o for o in before.objects.values() if o.kind in QUERIES}
    drops = [*drops, *(queries[n] for n in names if n in queries and queries[n] not in drops)]
    again = [former[n] for n in names if n in former and former[n] not in creates]
    parts = [o for o in before.objects.values() if o.of in {a.name for a in again}]
    return drops, [*creates, *again, *(p for p in parts if p not in creates)]


def _ordered(drops: Iterable[SchemaObject], creates: Iterable[SchemaObject], alters: Iterable[str]) -> list[str]:
    removing = sorted(dict.fromkeys(drops), key=lambda o: (-RANK[o.kind], -o.order))
    making = sorted(dict.fromkeys(creates), key=lambda o: (RANK[o.kind], o.order))
    return [
        *(o.drop for o in removing if RANK[o.kind] > DEEP),
        *(o.create for o in making if RANK[o.kind] <= TYPES),
        *alters,
        *(o.drop for o in removing if RANK[o.kind] <= DEEP),
        *(o.create for o in making if RANK[o.kind] > TYPES),
    ]


def _lost(gone: Iterable[SchemaObject], made: set[str]) -> list[str]:
    lines = []
    for o in gone:
        if o.kind == "table":
            lines.append(f"table {o.name} comes back empty: its rows are gone")
        elif o.kind == "column" and o.of not in made:
            lines.append(f"column {o.name} comes back empty, as the last of its table: its values are gone")
        elif o.kind == "sequence":
            lines.append(f"sequence {o.name} begins anew: set it where its table has rows")
        elif o.kind == "not null" and o.of not in made:
            lines.append(f"SET NOT NULL on {o.name} fails while the column holds NULL: fill it before that statement")
    return lines


def _values(old: SchemaObject, now: SchemaObject) -> str:
    former = old.shape.split(", ")
    more = [value for value in now.shape.split(", ") if value not in former]
    return f"PostgreSQL cannot remove values of an enum: {old.name} keeps {', '.join(more) or 'its new order'}"
