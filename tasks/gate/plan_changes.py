"""What changed between the plan that was approved and the plan as it is now, in one sentence."""

from tasks.gate.plan import Plan, unit_of


def change_since(approved: Plan, now: Plan) -> str | None:
    """The first thing that voids what was recorded; None when the two plans are the same.

    Args:
        approved: the plan in the record.
        now: the plan made anew from the folder, the ledger, the policy and the tools.
    """
    if approved.digest == now.digest:
        return None
    return (
        _target(approved, now)
        or _files(approved, now)
        or _ledger(approved, now)
        or _surroundings(approved, now)
        or f"the plan's digest is {now.digest[:12]} now, and was {approved.digest[:12]}"
    )


def _target(approved: Plan, now: Plan) -> str | None:
    if approved.target != now.target:
        return f"the target is called {now.target} now, and was {approved.target}"
    if not approved.identity.same_database(now.identity):
        return (
            f"the target is another database now: {now.identity.database} of cluster {now.identity.system_identifier}, "
            f"and was {approved.identity.database} of cluster {approved.identity.system_identifier}"
        )
    if approved.identity.database != now.identity.database:
        return f"the database is called {now.identity.database} now, and was {approved.identity.database}"
    return None


def _files(approved: Plan, now: Plan) -> str | None:
    before = {m.tag: m for m in approved.pending}
    after = {m.tag: m for m in now.pending}
    for tag, old in before.items():
        new = after.get(tag, old)
        if new != old:
            return f"{unit_of(now)} {tag} changed: its hash is {new.hash[:12]} now, and was {old.hash[:12]}"
    rollbacks_before = {r.tag: r.sha256 for r in approved.rollbacks}
    rollbacks_after = {r.tag: r.sha256 for r in now.rollbacks}
    changed = sorted(
        t for t in rollbacks_before.keys() | rollbacks_after.keys() if rollbacks_before.get(t) != rollbacks_after.get(t)
    )
    if added := [tag for tag in after if tag not in before]:
        return f"{unit_of(now)} {added[0]} was added"
    if approved.ledger_head == now.ledger_head and (gone := [tag for tag in before if tag not in after]):
        return f"{unit_of(now)} {gone[0]} is gone"
    return f"the rollback SQL of {changed[0]} changed" if changed and approved.ledger_head == now.ledger_head else None


def _ledger(approved: Plan, now: Plan) -> str | None:
    if (approved.ledger_schema, approved.ledger_table) != (now.ledger_schema, now.ledger_table):
        return f"the migrations table is {now.ledger_schema}.{now.ledger_table} now"
    if approved.ledger_head != now.ledger_head:
        return f"somebody wrote {now.ledger_schema}.{now.ledger_table} in production: other migrations ran there"
    return None


def _surroundings(approved: Plan, now: Plan) -> str | None:
    if approved.policy_digest != now.policy_digest:
        return "the policy in gate.toml changed"
    for name in sorted(approved.tools.keys() | now.tools.keys()):
        if approved.tools.get(name) != now.tools.get(name):
            return f"{name} is {now.tools.get(name, 'missing')} now, and was {approved.tools.get(name, 'missing')}"
    before, after = approved.session_settings, now.session_settings
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            now_set, was_set = after.get(name, "nothing"), before.get(name, "nothing")
            return f"a session in production begins with {name} set to {now_set} now, and began with {was_set}"
    return None
