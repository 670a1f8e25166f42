"""Rollback SQL from two catalogs: for any two it removes what is new and makes what is gone, in an order that works."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.draft import Catalog, Dependence, SchemaObject, down, next_rename
from tasks.gate.draft_text import MARK, Trial, draft_text, is_draft
from tasks.gate.plan import Migration

TABLES = ["a", "b", "c"]
COLUMNS = ["x", "y"]


def thing(kind: str, name: str, of: str = "", create: str = "", shape: str = "", order: int = 0) -> SchemaObject:
    return SchemaObject(kind, name, f"create {kind} {name}{create}", f"drop {kind} {name}", of, order, shape)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Tables with columns, defaults and indexes, and views on columns or on other views."""
    found: list[SchemaObject] = []
    depends: list[Dependence] = []
    for table in draw(st.lists(st.sampled_from(TABLES), unique=True)):
        found.append(thing("table", table))
        for column in draw(st.lists(st.sampled_from(COLUMNS), unique=True)):
            name = f"{table}.{column}"
            kind = draw(st.sampled_from(["int", "text"]))
            found.append(thing("column", name, table, f" {kind}", f"retype {name} {kind}"))
            if draw(st.booleans()):
                found.append(thing("default", name, table, draw(st.sampled_from([" 1", " 2"]))))
            if draw(st.booleans()):
                found.append(thing("index", f"i_{table}_{column}", table))
            if draw(st.booleans()):
                view = f"v_{table}_{column}"
                found.append(thing("view", view, order=1))
                depends.append(Dependence(view, table, column))
                if draw(st.booleans()):
                    found.append(thing("view", f"w_{view}", order=2))
                    depends.append(Dependence(f"w_{view}", view, "z"))
    return Catalog({(o.kind, o.name): o for o in found}, tuple(depends))


def run(statements: tuple[str, ...], catalog: Catalog, goal: Catalog) -> set[tuple[str, str]]:
    """What a server would hold after the statements; it refuses as a server does."""
    held = set(catalog.objects)
    types = {name: o.create.split()[-1] for (kind, name), o in catalog.objects.items() if kind == "column"}
    needs = {d.view: d for d in (*catalog.depends, *goal.depends)}
    for statement in statements:
        verb, kind, name, *rest = statement.split()
        if verb == "retype":
            assert not [
                v for v in views(held) if needs[v].relation == kind.split(".")[0] and f".{needs[v].column}" in kind
            ]
            types[kind] = name
        elif verb == "drop":
            assert (kind, name) in held, f"{statement}: it is not there"
            assert not [v for v in views(held) if needs[v].relation == name], f"{statement}: a view needs it"
            parts = {key for key in held if kind == "table" and belongs(key, name, catalog)}
            held -= {(kind, name), *parts, *({("default", name)} if kind == "column" else set())}
        else:
            assert (kind, name) not in held, f"{statement}: it is there"
            held.add((kind, name))
            if kind == "column":
                types[name] = rest[-1]
            if kind == "table":  # its text holds its columns
                held |= {key for key in goal.objects if key[0] == "column" and belongs(key, name, goal)}
                types |= {
                    n: o.create.split()[-1] for (k, n), o in goal.objects.items() if k == "column" and o.of == name
                }
    assert types.items() >= {(n, o.create.split()[-1]) for (k, n), o in goal.objects.items() if k == "column"}
    return held


def views(held: set[tuple[str, str]]) -> list[str]:
    return [name for kind, name in held if kind == "view"]


def belongs(key: tuple[str, str], table: str, catalog: Catalog) -> bool:
    return key in catalog.objects and catalog.objects[key].of == table


@given(catalogs(), catalogs())
def test_whatever_changed_leads_back_to_what_was_before(before: Catalog, after: Catalog):
    draft = down(before, after)
    assert run(draft.statements, after, before) == set(before.objects)


@given(catalogs())
def test_nothing_is_written_where_nothing_changed(catalog: Catalog):
    assert down(catalog, catalog) == ((), ())


@given(catalogs(), catalogs())
def test_every_table_and_column_that_is_made_again_is_said_to_come_back_empty(before: Catalog, after: Catalog):
    lost = " ".join(down(before, after).lost)
    for (kind, name), o in before.objects.items():
        if (kind, name) not in after.objects and kind in ("table", "column"):
            assert f"table {o.of or name} comes back empty" in lost or f"column {name} comes back empty" in lost


def test_things_get_their_names_back_one_at_a_time_the_outer_ones_first():
    before = {("relation", 1, 0): ("orders", ""), ("column", 1, 2): ("note", "")}
    after = {
        ("column", 1, 2): ("remark", "alter table purchases rename column remark to {old}"),
        ("relation", 1, 0): ("purchases", "alter table purchases rename to {old}"),
    }
    assert next_rename(before, after) == "alter table purchases rename to orders"
    assert next_rename(before, {**after, ("relation", 1, 0): ("orders", "")}) == after["column", 1, 2][1].format(
        old="note"
    )
    assert next_rename(before, before) is None


def test_a_draft_is_one_until_its_mark_is_taken_away_and_says_what_rows_it_leaves():
    migration = Migration(
        tag="0001",
        file="0001.sql",
        hash="",
        created_at=1,
        name=None,
        statements=("alter table a add column b int;", "update a set b = 1; select setval('s', 1); select 1;"),
    )
    draft = down(Catalog({}), Catalog({("column", "a.b"): thing("column", "a.b", "a")}))
    text = draft_text(migration, draft, Trial(differs=("+CREATE AGGREGATE x",)))
    assert is_draft(text)
    assert not is_draft(text.replace(MARK, ""))
    assert "drop column a.b;" in text
    assert "0001.sql, statement 2 (line 1) updates rows: what that changed is not taken back" in text
    assert text.count("calls a function") == 1
    assert "-- not as before: +CREATE AGGREGATE x" in text
