"""Production is as calm as the policy wants it before a release begins; the release waits for it and asks again."""

from tasks.gate.wording import listing
from tasks.preflight.check import Answer, Check, failed, not_configured, passed, warned
from tasks.preflight.question import Surroundings
from tasks.production_calm import unrest, unseen, wanted


def ask(around: Surroundings) -> Answer:
    """Look at sessions and replicas, as the policy's `[conditions]` say."""
    conditions = around.policy.conditions
    if not wanted(conditions):
        return not_configured("no condition is set", hint="[conditions] in gate.toml shows what a release can wait for")
    if blind := unseen(around.production(), conditions):
        return failed(f"a release would wait for ever: {listing(blind)}", blind, hint="grant it, or drop the condition")
    found = unrest(around.production(), conditions)
    if found:
        return warned(f"an approved release would wait now: {listing(found, limit=3)}", found)
    return passed("nothing on production would hold a release now")


CHECK = Check("conditions", "Production calm enough", ask)
