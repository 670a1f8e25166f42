"""What a person reads in Slack is the evidence, whole or cut with a word, whatever the files are named."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config.policy import Approval, Policy
from tasks.gate.ask_state import ask_state
from tasks.gate.chain import Event
from tasks.gate.hearing import hearing
from tasks.gate.plan import Purpose
from tasks.gate.rehearsal import Lock, RehearsedStatement, RollbackRehearsal, RowChanges
from tasks.gate.report_reading import reading
from tasks.gate.slack_binding import Binding
from tasks.gate.slack_message import Shown, SlackMessage, help_wanted, message
from tasks.gate.story import fold
from tests.servers.slack_limits import as_read, refused_blocks, units
from tests.unit.sample_evidence import RELEASE, START, TARGET, migration, plan, rehearsal
from tests.unit.sample_releases import brought_back, chain, closed, decision, shipped, until_asked

POLICY = Policy(approval=Approval(approvers=("jon",)))
BOUND = Binding(
    id="I" * 43, digest=plan().digest, channel="C1", expires_at=None, begun_at=START, ts="1764.1", team="T1", app="A1"
)


def shown(events: tuple[Event, ...], *, binding: Binding | None = BOUND, minutes: int = 3, **more: Any) -> Shown:
    now = START + timedelta(minutes=minutes)
    ask = ask_state(hearing(events), POLICY, now)
    return Shown(reading(RELEASE, TARGET, events), fold(events, now, RELEASE), ask, binding, **more)


def read(found: SlackMessage) -> str:
    return as_read([dict(block) for block in found.blocks])


def halted() -> tuple[Event, ...]:
    said = {"sentence": "failed: the disk is full; and not brought back: no room for a restore", "next": "look"}
    return chain(*until_asked(), decision(), ("applying", 0.8, {}), ("failed", 1.0, said), ("not_recovered", 1.0, said))


def test_the_ask_says_in_order_what_where_how_long_and_what_the_way_back_costs():
    assert read(message(shown(chain(*until_asked())))) == (
        "Approve? 1 migration to shop\n"
        "Nobody decided yet.\n"
        "Until 2026-11-23 18:00:00 UTC; silence is no answer.\n"
        "Database: shop (target shop)\n"
        "PostgreSQL 18.6, cluster 7443210987654321098\n"
        "Holds: ACCESS EXCLUSIVE on public.orders for 1.3 s: reads and writes wait\n"
        'Changes: 0004_order_channel: ALTER TABLE "orders" ADD COLUMN "channel" text DEFAULT \'web\' NOT NULL; (4 ms)\n'
        '0004_order_channel: CREATE INDEX "orders_channel_idx" ON "orders" USING btree ("channel",… '
        "(0.3 s, builds public.orders_channel_idx)\n"
        '0004_order_channel: UPDATE "orders" SET "channel" = \'phone\' FROM "customers" WHERE "custo… '
        "(0.9 s, public.orders ~18,222)\n"
        "Way back: The rollback SQL took everything back in 60 ms: schema, data and ledger are as before, and the plan "
        "ran once more after it.\n"
        "Restoring backup-20261123-140007 of 14:00:00 UTC took 2.9 s today: 9 tables, 212,408 rows compared. A restore "
        "lacks what is written after it.\n"
        "Waived: staging-schema by mira: the note column is a spike, gone tomorrow (staging differs from the replay in "
        "1 line)\n"
        "Warnings: No old transaction: 1 transaction is older than a minute\n"
        "Asked by: mira\n"
        f"Release: {RELEASE}\n"
        f"Plan digest {plan().digest}\n"
        f"The whole plan: gate report {RELEASE}\n"
        "[Approve] [Reject]\n"
        f"Without the buttons: gate approve {RELEASE}, or gate reject {RELEASE} --reason TEXT"
    )


def test_the_text_alone_carries_the_whole_ask_for_whoever_hears_it():
    text = message(shown(chain(*until_asked()))).text
    for part in (
        "Approve? 1 migration to shop",
        "Until 2026-11-23 18:00:00 UTC",
        "Holds: ACCESS EXCLUSIVE on public.orders for 1.3 s: reads and writes wait",
        "Restoring backup-20261123-140007",
        "Waived: staging-schema by mira",
        plan().digest,
        f"gate approve {RELEASE}",
    ):
        assert part in text


def test_approving_asks_again_and_repeats_the_target():
    buttons = message(shown(chain(*until_asked()))).blocks[-2]["elements"]
    confirm = buttons[0]["confirm"]
    assert confirm["title"]["text"] == "Change shop now?"
    assert confirm["text"]["text"] == f"1 migration to shop, target shop. Plan {plan().digest[:12]}, release {RELEASE}."
    assert confirm["confirm"]["text"] == "Yes, change shop"
    assert [b["value"] for b in buttons] == [BOUND.id, BOUND.id]
    assert "confirm" not in buttons[1]


def test_losses_come_first():
    lossy = rehearsal(losses=("column public.customers.name with 9,999 values",))
    text = read(message(shown(chain(*until_asked(the_rehearsal=lossy)))))
    assert text.splitlines()[3] == "Loses: column public.customers.name with 9,999 values"


def test_what_the_files_threaten_comes_before_what_they_change():
    risky = plan(hazards=("drops column customers.name",))
    lines = read(message(shown(chain(*until_asked(risky)), binding=None))).splitlines()
    assert "Hazards: drops column customers.name" in lines[2:4]


def test_a_rollback_is_named_for_what_it_takes_back():
    back = plan(purpose=Purpose.ROLLBACK, subject="0004_order_channel", title="take back 0004_order_channel")
    bound = BOUND.model_copy(update={"digest": back.digest})
    events = chain(*until_asked(back))
    assert read(message(shown(events, binding=bound))).startswith("Approve? take back 0004_order_channel, in shop\n")


def test_an_approved_plan_that_waits_for_its_window_says_until_when():
    held = ("holding", 1.0, {"sentence": "the window opens at 2026-11-24 09:00 UTC", "until": "2026-11-24T09:00:00Z"})
    text = read(message(shown(chain(*until_asked(), decision(), held))))
    assert text.startswith("Waiting for the window: 1 migration to shop\nThe window opens at 2026-11-24 09:00 UTC.")


def test_a_filed_plan_is_named_with_its_checksum():
    filed = BOUND.model_copy(update={"file": f"{RELEASE}.md", "sha256": "ab" * 32})
    text = read(message(shown(chain(*until_asked()), binding=filed)))
    assert f"The whole plan: {RELEASE}.md in the thread, SHA-256 {'ab' * 32}" in text


def test_after_a_decision_there_are_no_buttons_and_it_says_who_and_when():
    ids = {"jon": "U0JON"}
    for kind, word in (("approved", "Approved"), ("rejected", "Rejected")):
        found = message(shown(chain(*until_asked(), decision(kind)), slack_ids=ids))
        assert all(block["type"] != "actions" for block in found.blocks)
        assert f"{word} by @U0JON 2026-11-23 14:05:50 UTC" in read(found)


def test_an_expired_ask_has_no_buttons():
    found = message(shown(chain(*until_asked()), minutes=241))
    assert all(block["type"] != "actions" for block in found.blocks)
    assert read(found).startswith("Expired: 1 migration to shop\nNobody decided, and the request expired at")


def test_the_message_of_an_older_plan_says_that_it_was_replaced():
    old = BOUND.model_copy(update={"digest": "0" * 64})
    found = message(shown(chain(*until_asked()), binding=old))
    assert all(block["type"] != "actions" for block in found.blocks)
    assert read(found).startswith("Replaced by a newer request: 1 migration to shop")


def test_it_ends_with_the_final_sentence():
    assert read(message(shown(shipped()))).startswith(
        "Released: 1 migration to shop\n1 migration is in production and verified."
    )
    back = read(message(shown(brought_back())))
    assert back.startswith("Recovered: 1 migration to shop\nfailed: the health endpoint answered 500 five times")


def test_a_release_that_needs_a_person_mentions_the_group_on_call_and_the_command():
    found = shown(halted(), on_call="S0ONCALL")
    assert "<!subteam^S0ONCALL>" in message(found).text
    assert read(message(found)).startswith("A person is needed now: 1 migration to shop")
    called = help_wanted(found)
    assert called.startswith(
        "<!subteam^S0ONCALL> A person is needed now: 1 migration to shop. failed: the disk is full"
    )
    assert called.endswith(f"Next: `gate resume {RELEASE}`")


def test_without_a_group_nobody_is_mentioned():
    assert "<!" not in help_wanted(shown(halted()))


def test_what_a_file_is_named_can_mention_nobody_link_nowhere_and_turn_no_direction():
    nasty = "0009_<!channel>_<@U1>_<https://evil|x>_&amp;_\u202eexe\u2066_\x07_*bold*"
    lossy = rehearsal(losses=(nasty,))
    found = message(shown(chain(*until_asked(plan(pending=[migration(nasty)]), lossy))))
    raw = json.dumps(found.model_dump(), ensure_ascii=False)
    for bad in ("<!channel>", "<@U1>", "<https:", "\u202e", "\u2066", "\x07"):
        assert bad not in raw
    assert "&lt;!channel&gt;" in raw
    assert "_&amp;amp;_" in raw
    labels = [f["text"] for block in found.blocks for f in block.get("fields", ()) if f["type"] == "mrkdwn"]
    assert all(label.strip("*").replace(" ", "").isalpha() for label in labels)  # markup is only ever of our own making


def test_what_is_left_out_is_counted():
    many = rehearsal(statements=20)
    text = read(message(shown(chain(*until_asked(the_rehearsal=many)))))
    assert "… 12 more statements, see the report" in text


WILD = st.text(max_size=400) | st.sampled_from(["&<>" * 2000, "😀" * 3000, "\u202e" * 500, "a" * 9000, "", " "])


@settings(max_examples=25, deadline=None)
@given(
    tag=WILD,
    sql=WILD,
    words=st.lists(WILD, max_size=40),
    statements=st.integers(0, 60),
    reason=WILD,
    end=st.sampled_from(["ask", "released", "rejected", "halted"]),
)
def test_no_content_breaks_a_limit_of_slack(
    tag: str, sql: str, words: list[str], statements: int, reason: str, end: str
):
    lock = Lock(relation=tag, mode="AccessExclusiveLock", held_seconds=1)
    rehearsed = [
        RehearsedStatement(
            tag=tag,
            index=i,
            sql=sql,
            seconds=i,
            locks=(lock,),
            rows=(RowChanges(table=tag, updated=1),),
            rewrites=tuple(words),
        )
        for i in range(statements)
    ]
    wild = rehearsal(
        losses=tuple(words), surprises=tuple(words), rollback=RollbackRehearsal(available=True, sentence=sql)
    )
    wild = wild.model_copy(update={"statements": tuple(rehearsed)})
    the_plan = plan(pending=[migration(f"{i}{tag}") for i in range(statements)], hazards=words)
    body: list[Any] = until_asked(the_plan, wild)
    body += {
        "ask": [],
        "released": [decision(comment=reason, digest=the_plan.digest), closed("released", reason, 0)],
        "rejected": [decision("rejected", comment=reason, digest=the_plan.digest, who=tag or "x")],
        "halted": [("not_recovered", 1.0, {"sentence": reason})],
    }[end]
    bound = BOUND.model_copy(update={"digest": the_plan.digest})
    found = message(shown(chain(*body), binding=bound, on_call="S0ONCALL"))
    assert refused_blocks(json.loads(json.dumps(found.model_dump()))) == ""
    assert units(found.text) <= 4000
    assert units(help_wanted(shown(chain(*body), on_call="S0ONCALL"))) <= 4000
