"""Two databases under one target's name: the record of earlier releases tells."""

from tasks.clients.object_store import ObjectStore
from tasks.gate.identity import Identity
from tasks.known_identity import known_identity
from tasks.record import Record
from tasks.target_log import TargetLog

SHOP = Identity(
    system_identifier="7001",
    database_oid=5,
    database="shop",
    timeline=1,
    server_version_num=180006,
    server_version="18.6",
)
CRM = SHOP.model_copy(update={"system_identifier": "7002", "database": "crm"})


def release(store: ObjectStore, name: str, identity: Identity, *, past_its_checklist: bool) -> None:
    TargetLog(store, "shop").open_release(name)
    record = Record(store, "shop", name, owner="test")
    record.append("opened", {"identity": identity.model_dump(mode="json")})
    if past_its_checklist:
        record.append("backed_up", {"backup": "backup-20260304-120000"})
    TargetLog(store, "shop").close(name, "released" if past_its_checklist else "refused", "")


def test_a_name_without_a_past_stands_for_nothing(directory_store: ObjectStore) -> None:
    assert known_identity(directory_store, "shop", before="new") is None


def test_the_newest_release_that_got_past_its_checklist_says_which_database_it_was(
    directory_store: ObjectStore,
) -> None:
    release(directory_store, "first", CRM, past_its_checklist=True)
    release(directory_store, "second", SHOP, past_its_checklist=True)
    assert known_identity(directory_store, "shop", before="new") == SHOP


def test_a_refused_release_on_the_wrong_database_does_not_make_it_the_right_one(directory_store: ObjectStore) -> None:
    release(directory_store, "good", SHOP, past_its_checklist=True)
    release(directory_store, "wrong", CRM, past_its_checklist=False)
    assert known_identity(directory_store, "shop", before="new") == SHOP


def test_a_release_that_was_killed_before_its_first_event_is_passed_over(directory_store: ObjectStore) -> None:
    release(directory_store, "good", SHOP, past_its_checklist=True)
    TargetLog(directory_store, "shop").open_release("killed")
    assert known_identity(directory_store, "shop", before="new") == SHOP


def test_the_release_that_asks_is_not_its_own_past(directory_store: ObjectStore) -> None:
    release(directory_store, "only", SHOP, past_its_checklist=True)
    assert known_identity(directory_store, "shop", before="only") is None
