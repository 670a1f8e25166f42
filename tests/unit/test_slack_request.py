"""What Slack signed is told from everything else over the raw bytes, and only a press of ours is understood."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.slack_person import stranger
from tasks.gate.slack_press import NotUnderstood, Press, payload_press, press
from tasks.gate.slack_signature import SIGNATURE, TIMESTAMP, forgery, signed

# The worked example of https://docs.slack.dev/authentication/verifying-requests-from-slack
SECRET, AT, BODY = "8f742231b10e8888abcd99yyyzzz85a5", 1531420618, b"payload=%7B%7D"
SIGNED = "v0=90020873e6bbe3b3515fec3b8fc08453f30f6b3fccd4d8a47b757f016b7334ae"
HEADERS = [(TIMESTAMP, str(AT).encode()), (SIGNATURE, SIGNED.encode())]


def test_the_signature_is_the_one_of_the_documentation():
    assert signed(SECRET, str(AT), BODY) == SIGNED
    assert forgery(SECRET, HEADERS, BODY, AT) == ""


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_five_minutes_on_both_sides_it_is_good(seconds: int):
    assert forgery(SECRET, HEADERS, BODY, AT + seconds) == ""


@pytest.mark.parametrize("seconds", [-301, 301, 1e9])
def test_beyond_them_it_is_not(seconds: float):
    assert forgery(SECRET, HEADERS, BODY, AT + seconds) == "time"


def test_no_secret_verifies_nothing():
    empty = [HEADERS[0], (SIGNATURE, signed("", str(AT), BODY).encode())]
    assert forgery("", empty, BODY, AT) == "signature"


@given(
    st.lists(st.tuples(st.sampled_from([TIMESTAMP, SIGNATURE, b"x"]), st.binary(max_size=80)), max_size=5), st.binary()
)
def test_no_other_headers_and_bytes_pass_and_none_raise(headers: list[tuple[bytes, bytes]], body: bytes):
    assert forgery(SECRET, headers, body, AT) != ""


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: b"payload=" + text.encode("utf-8", "ignore")))
def test_bytes_of_any_kind_are_a_press_or_not_understood(body: bytes):
    try:
        assert isinstance(press(body), Press)
    except NotUnderstood:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
)


@given(JSON)
def test_a_payload_of_any_shape_is_a_press_or_not_understood(payload: object):
    with pytest.raises(NotUnderstood):
        payload_press(payload)


MEMBER = {
    "id": "U1",
    "team_id": "T1",
    "is_bot": False,
    "is_restricted": False,
    "is_ultra_restricted": False,
    "deleted": False,
}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, ""),
        ({"is_bot": True}, "a bot"),
        ({"is_restricted": True}, "a guest"),
        ({"is_ultra_restricted": True}, "a guest of one channel"),
        ({"deleted": True}, "deactivated"),
        ({"is_stranger": True}, "a member of another workspace"),
        ({"team_id": "T2"}, "a member of another workspace"),
        ({"team_id": "T2", "enterprise_user": {"teams": ["T1", "T2"]}}, ""),
        ({"team_id": "T2", "enterprise_user": {"teams": "T1"}}, "a member of another workspace"),
        ({"is_bot": None}, "not fully described by Slack (is_bot is missing)"),
        ({"is_restricted": 0}, "not fully described by Slack (is_restricted is missing)"),
        ({"id": "U2"}, "Slack answered for somebody else"),
    ],
)
def test_only_a_full_living_member_of_ours_is_no_stranger(changed: dict[str, Any], reason: str):
    assert stranger({**MEMBER, **changed}, user_id="U1", team="T1") == reason


@pytest.mark.parametrize("flag", ["is_bot", "is_restricted", "is_ultra_restricted"])
def test_a_flag_that_is_missing_refuses(flag: str):
    described = {name: value for name, value in MEMBER.items() if name != flag}
    assert stranger(described, user_id="U1", team="T1") == f"not fully described by Slack ({flag} is missing)"
