"""Reads what GitHub delivers: whether GitHub signed it, and which deployment asks whether it may go on.

https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.gate.model import Model, sha256
from tasks.gate.story import Story
from tasks.gate.wording import duration, parse_moment

SIGNATURE, EVENT, DELIVERY = b"x-hub-signature-256", b"x-github-event", b"x-github-delivery"
SIGNED = re.compile(rb"sha256=[0-9a-f]{64}")
NAMED = re.compile(rb"[a-z_]{1,64}")
DELIVERED = re.compile(rb"[0-9a-fA-F-]{1,64}")
RULE, REVIEW = "deployment_protection_rule", "deployment_review"
UNHEARD_OF = timedelta(hours=24)  # a deployment whose release nobody started is told no after this long


class _Strict(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # GitHub adds fields at any time


class _Repository(_Strict):
    full_name: str = Field(max_length=256)


class _Requested(_Strict):
    """The part of the payload that is used."""

    action: str = Field(max_length=64)
    environment: str = Field(min_length=1, max_length=255)
    sha: str = Field(pattern=r"^[0-9a-f]{40}$")
    deployment_callback_url: str = Field(max_length=1024)
    repository: _Repository


class _Person(_Strict):
    login: str = Field(min_length=1, max_length=64)


class _Job(_Strict):
    environment: str = Field("", max_length=255)


class _Run(_Strict):
    head_sha: str = Field(pattern=r"^[0-9a-f]{40}$")


class _Reviewed(_Strict):
    """The part of a review of an environment that is used."""

    action: str = Field(max_length=64)
    approver: _Person
    comment: str = Field("", max_length=10_000)
    repository: _Repository
    workflow_job_runs: tuple[_Job, ...] = Field((), max_length=100)
    workflow_run: _Run


class Said(Model):
    """What a person answered in GitHub's own review of an environment."""

    login: str
    approved: bool
    comment: str
    commit: str
    release: str  # the id that the comment names; empty when it names none


class Ask(Model):
    """A deployment that waits for the gate's answer."""

    run: int
    environment: str
    commit: str
    asked_at: datetime

    @property
    def name(self) -> str:
        """The same for every delivery of the question on a day; the day comes first, so old ones are not listed."""
        return f"{self.asked_at:%Y%m%d}-{self.run}-{sha256(self.environment.encode())[:12]}"


class Reply(Model):
    """What GitHub is told."""

    approved: bool
    comment: str


def forgery(secret: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> str:
    """Why a delivery is not GitHub's, in a word for the figures; empty when it is.

    Args:
        secret: the webhook's secret.
        headers: name in lower case and value, as they came, repeated ones included.
        body: the bytes as they came.
    """
    found = {name: [v for n, v in headers if n == name] for name in (SIGNATURE, EVENT, DELIVERY)}
    if any(len(values) != 1 for values in found.values()):
        return "headers"
    if not (SIGNED.fullmatch(found[SIGNATURE][0]) and NAMED.fullmatch(found[EVENT][0])):
        return "malformed"
    if not DELIVERED.fullmatch(found[DELIVERY][0]):
        return "malformed"
    wanted = b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
    return "" if secret and hmac.compare_digest(wanted, found[SIGNATURE][0]) else "signature"


def read_ask(body: bytes, *, repository: str, api_url: str, now: datetime) -> Ask | None:
    """The question in a signed delivery; None when it asks nothing of us.

    The answer's address is never taken from the payload: only the run's number is, out of an address that must be the
    configured repository's on the configured host.
    """
    try:
        found = _Requested.model_validate_json(body)
    except ValidationError:
        return None
    own = f"{api_url.rstrip('/')}/repos/{repository}/actions/runs/"
    match = re.fullmatch(re.escape(own) + r"([0-9]{1,18})/" + RULE, found.deployment_callback_url, re.IGNORECASE)
    if found.action != "requested" or match is None or found.repository.full_name.lower() != repository.lower():
        return None
    return Ask(run=int(match[1]), environment=found.environment, commit=found.sha, asked_at=now)


def read_review(body: bytes, *, repository: str, target: str) -> Said | None:
    """A person's answer in a signed delivery; None when it is not about this target's environment.

    The environment bears the target's name. Which release is meant stands in the comment: what was said of one release
    must never count for the next one of the same commit.
    """
    try:
        found = _Reviewed.model_validate_json(body)
    except ValidationError:
        return None
    here = any(job.environment == target for job in found.workflow_job_runs)
    if found.repository.full_name.lower() != repository.lower() or not here:
        return None
    if found.action not in ("approved", "rejected"):
        return None
    named = re.search(rf"(?<![\w-])[0-9]{{8}}-[0-9]{{6}}-{re.escape(target)}-[0-9a-f]{{6}}(?![\w-])", found.comment)
    return Said(
        login=found.approver.login,
        approved=found.action == "approved",
        comment=found.comment,
        commit=found.workflow_run.head_sha,
        release=named[0] if named else "",
    )


def reply_to(ask: Ask, stories: Sequence[Story], now: datetime) -> Reply | None:
    """What the releases of that commit mean for the deployment; None while that is open.

    A deployment usually brings the code that needs the new schema, so it may go on when the release is done, not when
    somebody has merely approved it. An end without success counts only when it came after the question: the release may
    be started again for the same commit.

    Args:
        ask: the question.
        stories: the releases of its commit, newest first.
        now: the moment of the answer.
    """
    for story in stories:
        if story.exit_code == 0:
            return Reply(approved=True, comment=f"release {story.id}: {story.sentence}")
    for story in stories:
        ended = parse_moment(story.ended_at) if story.ended_at else None
        if ended is not None and ended >= ask.asked_at:
            return Reply(approved=False, comment=f"release {story.id} ended as {story.outcome}: {story.sentence}")
    if not stories and now - ask.asked_at > UNHEARD_OF:
        late = f"no release of commit {ask.commit[:10]} was started within {duration(UNHEARD_OF.total_seconds())}"
        return Reply(approved=False, comment=late)
    return None
