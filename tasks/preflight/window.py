"""The deployment window is open, or opens while an approval still counts: what is approved before waits for it."""

from datetime import timedelta

from tasks.gate.opening import describe_freeze, opening
from tasks.gate.windows import describe
from tasks.gate.wording import duration
from tasks.preflight.check import Answer, Check, failed, not_configured, passed, warned
from tasks.preflight.question import Surroundings


def ask(around: Surroundings) -> Answer:
    """Read the windows and freezes of gate.toml at this moment; the release asks again before it begins."""
    policy = around.policy
    if not policy.window and not policy.freeze:
        return not_configured(
            "no deployment window is set", hint="write [[window]] or [[freeze]] tables into gate.toml"
        )
    now = opening(policy, around.now)
    lines = [*(describe(w) for w in policy.window), *(describe_freeze(f) for f in policy.freeze)]
    if now.open:
        return passed(f"the deployment window is {now.sentence}", lines)
    closed = f"the deployment window is closed; {now.sentence}"
    if now.opens_at is None:
        return failed(closed, lines, hint="change the [[window]] and [[freeze]] tables in gate.toml")
    if now.opens_at - around.now > timedelta(hours=policy.approval.expires_hours):
        expires = duration(policy.approval.expires_hours * 3600)
        return failed(
            f"{closed}, and an approval counts for {expires}",
            lines,
            hint="come back when it is open, or let approvals count for longer: approval.expires_hours",
        )
    return warned(f"{closed}: what is approved before waits for it", lines)


CHECK = Check("window", "Deployment window open", ask)
