"""Where a request for approval stands: how many different people said yes to exactly this, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.policy import Policy
from tasks.gate.approval import Decision, Judgement, Request, Standing, judge, request

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DIGEST = "d" * 64
OPEN = Policy()
TEAM = Policy.model_validate(
    {
        "people": [
            {"name": "ann", "slack": "UANN", "github": "Ann-GH", "os_user": "ann", "emails": ["ann@example.com"]},
            {"name": "bob", "slack": "UBOB", "github": "bob-gh", "os_user": "bob", "database_user": "bob_admin"},
            {"name": "cyd", "slack": "UCYD", "github": "cyd-gh", "os_user": "cyd"},
            {"name": "dan", "slack": "UDAN", "os_user": "dan"},
        ],
        "approval": {"approvers": ["ann", "bob", "cyd"], "count": 2, "break_glass": ["bob", "cyd", "dan", "ann"]},
    }
)


def asked(policy: Policy = OPEN, *, digest: str = DIGEST, started_by: str = "ann", **more: Any) -> Request:
    return request(digest, "what", started_by=started_by, policy=policy, now=NOON, **more)


def said(
    *,
    approved: bool = True,
    digest: str = DIGEST,
    who: str = "bob",
    door: str = "command-line",
    minutes: float = 1,
    **more: Any,
) -> Decision:
    at = NOON + timedelta(minutes=minutes)
    return Decision(approved=approved, digest=digest, who=who, door=door, at=at, **more)


def at_door(door: str, identity: str, **more: Any) -> Decision:
    return said(who=identity.removeprefix("U").lower(), door=door, identity=identity, **more)


def judged(asked: Request, *decisions: Decision, policy: Policy = OPEN, **after: float) -> Judgement:
    now = NOON + timedelta(**(after or {"minutes": 5}))
    return judge(asked, decisions, digest=DIGEST, policy=policy, now=now)


def test_an_approval_of_exactly_this_digest_in_time_approves():
    judgement = judged(asked(), said())
    assert judgement.standing is Standing.APPROVED
    assert judgement.sentence == "approved by bob (command-line) at 2026-11-23 12:01:00 UTC"


def test_an_approval_of_another_digest_approves_nothing():
    assert judged(asked(), said(digest="e" * 64)).standing is Standing.WAITING


def test_a_plan_that_changed_voids_the_request_and_says_both_digests():
    judgement = judge(asked(), [said()], digest="e" * 64, policy=OPEN, now=NOON)
    assert judgement.standing is Standing.VOID
    assert judgement.sentence == f"the request was for plan {'d' * 12}, and the plan is {'e' * 12} now"


def test_an_approval_expires_even_when_it_was_given():
    judgement = judged(asked(), said(), hours=4)
    assert judgement.standing is Standing.EXPIRED
    assert judgement.sentence.endswith("but the approval expired at 2026-11-23 16:00 UTC")


def test_nobody_decides_and_it_expires():
    assert judged(asked(), hours=5).sentence == "nobody decided, and the request expired at 2026-11-23 16:00 UTC"


def test_a_rejection_stays_a_rejection_after_the_expiry():
    assert judged(asked(), said(approved=False), days=9).standing is Standing.REJECTED


def test_two_different_people_are_asked_for_and_the_first_yes_is_not_enough():
    ask = asked(TEAM, started_by="zed")
    one = judged(ask, at_door("slack", "UBOB"), policy=TEAM)
    assert (one.standing, one.missing) == (Standing.WAITING, 1)
    assert one.sentence.endswith("; 1 more approval is missing")
    both = judged(ask, at_door("slack", "UBOB"), at_door("github", "CYD-gh"), policy=TEAM)
    assert (both.standing, both.missing, len(both.counted)) == (Standing.APPROVED, 0, 2)


def test_one_person_at_four_doors_is_one_person():
    ask = asked(TEAM, started_by="zed")
    doors = (("slack", "UBOB"), ("github", "bob-gh"), ("command-line", "bob"), ("database", "bob_admin"))
    judgement = judged(ask, *(at_door(*door) for door in doors), policy=TEAM)
    assert (judgement.standing, len(judgement.counted), judgement.missing) == (Standing.WAITING, 1, 1)


def test_one_no_ends_it_unless_it_was_approved_before():
    ask = asked(TEAM, started_by="zed")
    yes, more, no = at_door("slack", "UBOB"), at_door("slack", "UCYD"), said(approved=False, who="eve")
    assert judged(ask, yes, no, more, policy=TEAM).standing is Standing.REJECTED
    assert judged(ask, yes, more, no, policy=TEAM).standing is Standing.APPROVED
    withdrawn = no.model_copy(update={"withdraws": True})
    assert judged(ask, yes, more, withdrawn, policy=TEAM).standing is Standing.REJECTED


def test_a_plan_that_loses_data_needs_more_people():
    policy = Policy.model_validate({"approval": {"count_losing_data": 2}})
    assert judged(asked(policy), said(), policy=policy).standing is Standing.APPROVED
    losing = asked(policy, loses_data=True)
    assert judged(losing, said(), policy=policy).standing is Standing.WAITING
    assert judged(losing, said(), said(who="cyd"), policy=policy).standing is Standing.APPROVED


def test_somebody_who_was_demoted_after_their_yes_does_not_count_any_more():
    ask, yes = asked(TEAM, started_by="zed"), (at_door("slack", "UBOB"), at_door("slack", "UCYD"))
    rules = TEAM.approval.model_copy(update={"approvers": ("ann", "cyd")})
    demoted = judged(ask, *yes, policy=TEAM.model_copy(update={"approval": rules}))
    assert demoted.standing is Standing.WAITING
    assert demoted.sentence.endswith("not counted: bob is not among the approvers that gate.toml names: ann, cyd")


def test_a_name_that_was_written_beside_somebody_elses_identity_is_not_believed():
    ask = asked(TEAM, started_by="zed")
    forged = (said(who="bob", door="slack", identity="UDAN"), said(who="cyd", door="github", identity="stranger"))
    assert judged(ask, *forged, policy=TEAM).standing is Standing.WAITING


def test_two_people_may_break_the_glass_and_everybody_reads_it():
    ask = asked(TEAM, started_by="ann", authors=("dan",))
    bob = at_door("slack", "UBOB", break_glass=True, comment="checkout is down")
    dan = at_door("command-line", "dan", break_glass=True, comment="checkout is down")
    assert judged(ask, bob, policy=TEAM).standing is Standing.WAITING
    judgement = judged(ask, bob, dan, policy=TEAM)
    assert (judgement.standing, judgement.break_glass) == (Standing.APPROVED, True)
    assert judgement.sentence.startswith("BREAK-GLASS, approved BREAK-GLASS by bob (slack)")


def test_an_emergency_is_no_ordinary_yes_and_needs_a_reason_and_two_who_did_not_start_it():
    ask = asked(TEAM, started_by="ann")
    glass = {"break_glass": True, "comment": "now"}
    cyd = at_door("slack", "UCYD", **glass)
    for second in (
        at_door("github", "cyd-gh", **glass),
        at_door("slack", "UBOB"),
        at_door("slack", "UBOB", break_glass=True),
        at_door("slack", "UANN", **glass),
        at_door("slack", "UEVE", **glass),
        at_door("prefect-ui", "bob", **glass),
    ):
        assert judged(ask, cyd, second, policy=TEAM).standing is Standing.WAITING, second


IDENTITIES = [
    *(("slack", i) for i in ("UANN", "UBOB", "UCYD", "UDAN", "UEVE")),
    *(("github", i) for i in ("ann-gh", "BOB-GH", "cyd-gh", "ann", "eve")),
    *(("command-line", i) for i in ("ann", "bob", "cyd", "dan", "eve")),
    *(("prefect-ui", i) for i in ("ann", "bob", "cyd", "slack:UBOB", "eve")),
    *(("database", i) for i in ("bob_admin", "ann")),
    *(("terminal", i) for i in ("ann", "bob")),
]
# Who is behind each of them, written down by hand: the oracle must not ask the code that it judges.
BEHIND = {
    **{("slack", f"U{n.upper()}"): n for n in ("ann", "bob", "cyd", "dan")},
    **{("github", i): i[:3].lower() for i in ("ann-gh", "BOB-GH", "cyd-gh")},
    **{(door, n): n for door in ("command-line", "terminal") for n in ("ann", "bob", "cyd", "dan")},
    **{("prefect-ui", n): n for n in ("ann", "bob", "cyd")},
    ("database", "bob_admin"): "bob",
}


@st.composite
def answers(draw: st.DrawFn) -> tuple[Policy, Request, list[Decision]]:
    """A policy over the team, a request of it, and any answers in any order."""
    rules: dict[str, Any] = {
        "approvers": draw(st.sampled_from([("ann", "bob", "cyd"), ("bob", "cyd"), ("ann", "bob", "cyd", "dan")])),
        "count": draw(st.integers(1, 2)),
        "count_losing_data": draw(st.sampled_from([None, 2])),
        "self_approval": draw(st.sampled_from([None, True, False])),
        "author_approval": draw(st.sampled_from([None, True, False])),
        "prefect_ui": draw(st.sampled_from([None, True])),
        "break_glass": draw(st.sampled_from([(), ("bob", "dan"), ("ann", "bob", "dan")])),
    }
    people = [p.model_dump() for p in TEAM.people]
    policy = Policy.model_validate({"people": people, "approval": rules})
    started = draw(st.sampled_from(["ann", "github:bob-gh", "UCYD", "runner"]))
    wrote = draw(st.sets(st.sampled_from(["ann@example.com", "cyd", "new@example.com"])))
    ask = asked(policy, started_by=started, authors=sorted(wrote), loses_data=draw(st.booleans()))
    one = st.builds(
        lambda place, approved, digest, glass, why: at_door(
            *place, approved=approved, digest=digest, break_glass=glass and approved, comment=why
        ),
        st.sampled_from(IDENTITIES),
        st.sampled_from([True, True, True, True, False]),
        st.sampled_from([DIGEST, DIGEST, DIGEST, "e" * 64]),
        st.booleans(),
        st.sampled_from(["", "why"]),
    )
    return policy, ask, draw(st.lists(one, max_size=9))


@given(answers(), st.integers(0, 300))
def test_nothing_is_ever_approved_without_enough_different_people_who_may(
    drawn: tuple[Policy, Request, list[Decision]], minutes: int
):
    policy, ask, decisions = drawn
    judgement = judged(ask, *decisions, policy=policy, minutes=minutes)
    if judgement.standing is not Standing.APPROVED:
        return
    rules = policy.approval
    starter = {"ann": "ann", "github:bob-gh": "bob", "UCYD": "cyd"}.get(ask.started_by, "")
    authors = {"ann" if a == "ann@example.com" else a for a in ask.authors}
    yes = [d for d in decisions if d.approved and d.digest == DIGEST and (d.door, d.identity) in BEHIND]
    ordinary = {
        BEHIND[d.door, d.identity] for d in yes if not d.break_glass and (d.door != "prefect-ui" or rules.prefect_ui)
    }
    ordinary &= set(rules.approvers)
    ordinary -= set() if rules.self_approval else {starter}
    ordinary -= set() if rules.author_approval else authors
    glass = {BEHIND[d.door, d.identity] for d in yes if d.break_glass and d.comment and d.door != "prefect-ui"}
    glass = (glass & set(rules.break_glass)) - {starter}
    needed = (rules.count_losing_data or rules.count) if ask.loses_data else rules.count
    assert len(ordinary) >= needed or len(glass) >= 2
    assert judgement.break_glass is (len(glass) >= 2)
    assert minutes < 240


@given(answers())
def test_whoever_reads_the_answers_sees_the_first_no_that_came_before_enough_yeses(
    drawn: tuple[Policy, Request, list[Decision]],
):
    policy, ask, decisions = drawn
    for end in range(len(decisions) + 1):  # as the record grows, a settled request never changes
        before = judged(ask, *decisions[:end], policy=policy)
        if before.standing in {Standing.APPROVED, Standing.REJECTED}:
            after = judged(ask, *decisions, policy=policy)
            assert (after.standing, after.decision) == (before.standing, before.decision)
            break


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001
def test_nothing_is_ever_approved_without_a_recorded_decision(now: datetime):
    judgement = judge(asked(), [], digest=DIGEST, policy=OPEN, now=now.replace(tzinfo=UTC))
    assert judgement.standing is not Standing.APPROVED
