"""Whoever they say they are: each of these answers comes from somebody whose yes does not count, or not enough."""

from tasks.gate.ruling import Answer
from tests.attacks.stage import RULES, Attempt, Stage

TWO = RULES + "count = 2\n"


def the_starter_approves_their_own_release(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="ann")
    attempt.refused(Answer.REFUSED, "command-line", "ann")
    return attempt


def the_starter_approves_through_their_slack_identity(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="ann")
    attempt.refused(Answer.REFUSED, "slack", "UANN")
    return attempt


def a_starter_known_by_their_github_login_approves_as_an_operating_system_user(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="ANN-gh")
    attempt.refused(Answer.REFUSED, "terminal", "ann")
    attempt.refused(Answer.REFUSED, "github", "ann-GH")
    return attempt


def a_stranger_has_an_approvers_name_as_github_login(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.refused(Answer.REFUSED, "github", "bob")
    return attempt


def a_stranger_types_an_approvers_name_into_the_form_of_prefect(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    for name in ("bob", "UBOB", "slack:UBOB", "bob ", ""):
        attempt.refused(Answer.REFUSED, "prefect-ui", name)
    return attempt


def an_identity_is_brought_to_the_wrong_door(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    for door, identity in (
        ("command-line", "UBOB"),
        ("command-line", "slack:UBOB"),
        ("slack", "bob"),
        ("github", "UBOB"),
        ("database", "bob"),
        ("pigeon", "bob"),
    ):
        attempt.refused(Answer.REFUSED, door, identity)
    return attempt


def a_person_without_the_right_approves(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="ann")
    attempt.refused(Answer.REFUSED, "slack", "UDAN")
    return attempt


def nobody_is_named_and_somebody_in_the_channel_approves(stage: Stage) -> Attempt:
    attempt = stage.attempt("[approval]\n")
    attempt.refused(Answer.REFUSED, "slack", "UBOB")
    attempt.refused(Answer.REFUSED, "github", "bob-gh")
    return attempt


def the_author_approves_their_own_migration(stage: Stage) -> Attempt:
    attempt = stage.attempt(authors=["email:bob@example.com"])
    attempt.refused(Answer.REFUSED, "slack", "UBOB")
    return attempt


def the_author_commits_under_an_address_in_other_letters(stage: Stage) -> Attempt:
    attempt = stage.attempt(authors=["email:BOB@Example.com", "github:ANN-gh"])
    attempt.refused(Answer.REFUSED, "command-line", "bob")
    attempt.refused(Answer.REFUSED, "command-line", "ann")
    return attempt


def the_author_is_a_stranger_where_everybody_must_be_known(stage: Stage) -> Attempt:
    attempt = stage.attempt(RULES + "require_known_people = true\n", authors=["email:eve@example.com"])
    attempt.refused(Answer.REFUSED, "slack", "UBOB")
    return attempt


def nobody_knows_the_author_where_everybody_must_be_known(stage: Stage) -> Attempt:
    attempt = stage.attempt(RULES + "require_known_people = true\n")
    attempt.refused(Answer.REFUSED, "slack", "UBOB")
    return attempt


def a_starter_whom_nobody_knows_where_everybody_must_be_known(stage: Stage) -> Attempt:
    rules = RULES + "require_known_people = true\n"
    attempt = stage.attempt(rules, started_by="runner", authors=["email:ann@example.com"])
    attempt.refused(Answer.REFUSED, "slack", "UBOB")
    return attempt


def one_person_approves_twice_at_two_doors(stage: Stage) -> Attempt:
    attempt = stage.attempt(TWO)
    attempt.accepted("slack", "UBOB")
    for door, identity in (("github", "BOB-GH"), ("command-line", "bob"), ("database", "bob_admin"), ("slack", "UBOB")):
        attempt.refused(Answer.ALREADY_COUNTED, door, identity)
    return attempt


def one_of_two_approves(stage: Stage) -> Attempt:
    attempt = stage.attempt(TWO)
    attempt.accepted("slack", "UBOB")
    return attempt


def the_second_of_two_is_the_starter(stage: Stage) -> Attempt:
    attempt = stage.attempt(TWO, started_by="UCYD")
    attempt.accepted("slack", "UBOB")
    attempt.refused(Answer.REFUSED, "command-line", "cyd")
    return attempt


def one_approves_a_plan_that_loses_data(stage: Stage) -> Attempt:
    attempt = stage.attempt(RULES + "count_losing_data = 2\n", loses_data=True)
    attempt.accepted("slack", "UBOB")
    return attempt


def one_breaks_the_glass_twice(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    glass = {"break_glass": True, "comment": "now"}
    attempt.accepted("slack", "UBOB", **glass)
    attempt.refused(Answer.ALREADY_COUNTED, "command-line", "bob", **glass)
    return attempt


def one_breaks_the_glass_and_the_other_gives_no_reason(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    attempt.accepted("slack", "UBOB", break_glass=True, comment="now")
    attempt.refused(Answer.REFUSED, "slack", "UANN", break_glass=True, comment="  ")
    return attempt


def the_starter_is_among_the_two_who_break_the_glass(stage: Stage) -> Attempt:
    attempt = stage.attempt(started_by="dan")
    attempt.accepted("slack", "UBOB", break_glass=True, comment="now")
    attempt.refused(Answer.REFUSED, "slack", "UDAN", break_glass=True, comment="now")
    return attempt


def somebody_breaks_the_glass_who_may_not_or_only_types_a_name(stage: Stage) -> Attempt:
    attempt = stage.attempt()
    glass = {"break_glass": True, "comment": "now"}
    attempt.accepted("slack", "UBOB", **glass)
    for door, identity in (("slack", "UCYD"), ("github", "ann"), ("prefect-ui", "ann"), ("slack", "UEVE")):
        attempt.refused(Answer.REFUSED, door, identity, **glass)
    return attempt


def the_glass_is_broken_where_there_is_none(stage: Stage) -> Attempt:
    attempt = stage.attempt('[approval]\napprovers = ["bob", "cyd"]\ncount = 2\n')
    attempt.refused(Answer.REFUSED, "slack", "UBOB", break_glass=True, comment="now")
    attempt.accepted("slack", "UBOB")
    return attempt


def a_broken_glass_fills_up_an_ordinary_count(stage: Stage) -> Attempt:
    attempt = stage.attempt(TWO)
    attempt.accepted("slack", "UCYD")
    attempt.accepted("slack", "UBOB", break_glass=True, comment="now")
    return attempt


CASES = [
    case for name, case in sorted(globals().items()) if callable(case) and getattr(case, "__module__", "") == __name__
]
