"""What voids an approval, said in one sentence."""

import pytest

from tasks.gate.identity import Identity
from tasks.gate.plan import Migration, Plan, PlannedMigration, Rollback, State
from tasks.gate.plan_changes import change_since

HERE = Identity(
    system_identifier="1",
    database_oid=5,
    database="shop",
    timeline=1,
    server_version_num=180006,
    server_version="18.6",
)
FIRST = Migration(tag="0001_a", file="0001_a.sql", hash="a" * 64, created_at=1, name=None, statements=("select 1",))
SECOND = FIRST.model_copy(update={"tag": "0002_b", "hash": "b" * 64})
PLAN = Plan(
    target="shop",
    identity=HERE,
    tool="drizzle",
    generation=0,
    ledger_schema="drizzle",
    ledger_table="__drizzle_migrations",
    ledger_head="h" * 64,
    migrations=(PlannedMigration(tag="0001_a", state=State.PENDING),),
    pending=(FIRST,),
    rollbacks=(Rollback(tag="0001_a", file="rollback/0001_a.sql", sha256="r" * 64, text="select 2"),),
    tools={"gate": "1", "pg_dump": "18.6"},
    policy_digest="p" * 64,
)


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({}, None),
        ({"hazards": ("told later",)}, None),
        ({"target": "other"}, "the target is called other now, and was shop"),
        (
            {"identity": HERE.model_copy(update={"system_identifier": "2"})},
            "the target is another database now: shop of cluster 2, and was shop of cluster 1",
        ),
        (
            {"identity": HERE.model_copy(update={"database": "shop2"})},
            "the database is called shop2 now, and was shop",
        ),
        (
            {"pending": (FIRST.model_copy(update={"hash": "c" * 64}),)},
            f"migration 0001_a changed: its hash is {'c' * 12} now, and was {'a' * 12}",
        ),
        ({"pending": (FIRST, SECOND)}, "migration 0002_b was added"),
        ({"pending": ()}, "migration 0001_a is gone"),
        ({"rollbacks": ()}, "the rollback SQL of 0001_a changed"),
        ({"ledger_table": "other"}, "the migrations table is drizzle.other now"),
        (
            {"ledger_head": "i" * 64, "pending": ()},
            "somebody wrote drizzle.__drizzle_migrations in production: other migrations ran there",
        ),
        ({"policy_digest": "q" * 64}, "the policy in gate.toml changed"),
        ({"tools": {"gate": "1", "pg_dump": "18.7"}}, "pg_dump is 18.7 now, and was 18.6"),
        (
            {"session_settings": {"search_path": '"app"'}},
            'a session in production begins with search_path set to "app" now, and began with nothing',
        ),
    ],
)
def test_the_sentence_names_what_changed(update: dict[str, object], sentence: str | None):
    assert change_since(PLAN, PLAN.model_copy(update=update)) == sentence


def test_a_plan_of_an_earlier_version_loads_and_keeps_its_digest():
    stored = PLAN.model_dump(mode="json")
    del stored["session_settings"]
    assert Plan.model_validate(stored).digest == PLAN.digest
    assert PLAN.digest == "36fd8bbb048ac954bc7f37cc797b04065aa92f8c43c8582fa62a1b8be5b644c1"


def test_the_order_of_migrations_is_part_of_the_digest():
    forth = PLAN.model_copy(update={"pending": (FIRST, SECOND)})
    back = PLAN.model_copy(update={"pending": (SECOND, FIRST)})
    assert forth.digest != back.digest
    assert change_since(forth, back) is not None
