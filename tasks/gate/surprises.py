"""What changed though no statement names it: a cascade, a trigger, a rule, a function."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from tasks.gate.losses import Shape, Shapes, tables
from tasks.gate.named_relations import Named, named, together
from tasks.gate.rehearsal import RehearsedStatement, RowChanges
from tasks.gate.wording import count


def surprises(
    statements: Sequence[tuple[RehearsedStatement, str]], before: Shapes, after: Shapes, moved: Collection[str]
) -> tuple[str, ...]:
    """Tables that changed though the statement that changed them does not name them, and what vanished unnamed.

    Args:
        statements: each rehearsed statement with its whole text.
        before: relations of the restored copy.
        after: relations after the plan.
        moved: labels, as of before, of tables whose content is another one afterwards.
    """
    names = [(statement, named(text)) for statement, text in statements]
    every = together([n for _, n in names])
    known = {shape.label: shape for shape in (*tables(after).values(), *tables(before).values())}
    told = [line for statement, n in names for line in _rows(statement, n, known, {**after, **before})]
    counted = {change.table for statement, _ in names for change in statement.rows}
    gone = list(_vanished(every, before, after))
    explained = {*counted, *(shape.label for shape, _ in gone)}
    silent = [
        f"{label}: its content reads differently"
        for label in sorted(set(moved) - explained)
        if not _is_named(known[label], every, {**after, **before})
    ]
    return (*told, *silent, *(line for _, line in gone))


def _rows(statement: RehearsedStatement, n: Named, known: Mapping[str, Shape], shapes: Shapes) -> Iterator[str]:
    for change in statement.rows:
        shape = known.get(change.table)
        if shape is not None and not _is_named(shape, n, shapes):
            yield f"{change.table}: {_words(change)} by {statement.tag}, statement {statement.index + 1}"


def _words(change: RowChanges) -> str:
    figures = [
        f"{count(value, 'row')} {verb}"
        for value, verb in ((change.inserted, "inserted"), (change.updated, "updated"), (change.deleted, "deleted"))
        if value
    ]
    return ", ".join((["truncated"] if change.truncated else []) + figures)


def _is_named(shape: Shape, n: Named, shapes: Shapes) -> bool:
    """Naming a table names its partitions and children, too."""
    if n.relation(shape.schema, shape.relation):
        return True
    return any(_is_named(shapes[parent], n, shapes) for parent in shape.parents if parent in shapes)


def _vanished(every: Named, before: Shapes, after: Shapes) -> Iterator[tuple[Shape, str]]:
    left = {(shape.kind, shape.label) for shape in after.values()}
    for oid, shape in sorted(before.items(), key=lambda item: item[1].label):
        by_word = shape.kind == "foreign key" and every.word(shape.word)
        if by_word or _is_named(shape, every, before):
            continue
        if oid not in after and (shape.kind, shape.label) not in left:
            yield shape, f"{shape.kind} {shape.label} is gone"
        elif oid in after and shape.kind == "table":
            for attribute in sorted(shape.columns.keys() - after[oid].columns.keys()):
                yield shape, f"column {shape.label}.{shape.columns[attribute]} is gone"
