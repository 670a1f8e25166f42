"""Makes the plan of `gate repair`: one remedy of the ledger, with what it runs and what production must show first."""

from tasks.clients.session_settings import session_settings
from tasks.gate.model import digest_of
from tasks.gate.plan import Plan, PlannedMigration, Problem, Purpose, State
from tasks.gate.repair import COMPARED, Offer, chosen
from tasks.occasion import Occasion
from tasks.read_scripts import Reading, read_migrations
from tasks.survey import Survey, survey

# A database with tables of its own, besides the ledger: an empty ledger there has lost its history.
POPULATED = """
select exists (
  select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
     and (n.nspname, c.relname) <> (%s, %s))
"""
UNSEEN = (
    "nothing of these migrations runs: the check marked-schema compares production's schema with their replay, but the"
    " rows that they would have changed are compared by nobody"
)


def offers(occasion: Occasion, seen: Survey) -> tuple[Offer, ...]:
    """Every repair that production's ledger allows now."""
    found = occasion.connection.execute(POPULATED, [seen.ledger.schema_name, seen.ledger.table]).fetchone()
    return seen.repairs(occasion.subject, populated=bool(found and found[0]))


def plan_repair(occasion: Occasion) -> Plan:
    """What `gate repair SUBJECT` would run; the subject is a kind and, where there are several, a tag.

    Raises:
        ConfigurationError: it is not offered.
    """
    seen = survey(occasion.settings, occasion.connection)
    offer = chosen(offers(occasion, seen), occasion.subject)
    read = read_migrations((offer.runs,) if offer.runs else (), occasion.identity.major)
    after = seen.ledger.model_copy(update={"rows": offer.rows, "has_name": offer.has_name, "exists": True})
    lines, left = seen.now_with(after)
    return Plan(
        target=occasion.settings.target,
        identity=occasion.identity,
        tool=seen.tool.name,
        generation=seen.folder.generation,
        ledger_schema=seen.ledger.schema_name,
        ledger_table=seen.ledger.table,
        ledger_head=seen.ledger.head,
        migrations=seen.lines,
        pending=(offer.script,),
        problems=(*seen.ledger_problems, *seen.tool.explain((*read.problems, *_cut(offer, read)))),
        hazards=(*_compared(offer), *_consequences(seen, lines), *read.hazards, *_left(left)),
        effects=read.effects,
        policy_digest=digest_of(occasion.policy),
        tools=occasion.tools,
        session_settings=session_settings(occasion.connection),
        purpose=Purpose.REPAIR,
        subject=occasion.subject,
        title=offer.title,
        ledger_after=tuple(row.model_copy(update={"id": None}) for row in offer.rows),
    )


def _compared(offer: Offer) -> tuple[str, ...]:
    return (UNSEEN,) if offer.kind in COMPARED else ()


def _cut(offer: Offer, read: Reading) -> list[Problem]:
    """A repair and its row are one transaction, so what needs several cannot be repaired by running it here."""
    if not read.segments:
        return []
    return [
        Problem(
            tag=offer.tag,
            kind="no-transaction",
            cause=f"{offer.tag} cannot run in one transaction, in which its row would have to be written",
            remedy=f"run its statements by hand, then `gate repair mark {offer.tag}`; or generate it anew",
        )
    ]


def _consequences(seen: Survey, lines: tuple[PlannedMigration, ...]) -> list[str]:
    """What becomes pending by this alone, and would run with the next release or with Drizzle's own migrator."""
    was = {line.tag: line.state for line in seen.lines}
    freed = [line for line in lines if line.state is State.PENDING and was.get(line.tag) is not State.PENDING]
    late = [line for line in lines if line.state is State.PENDING and line.sentence]
    return [
        *(f"{line.tag} is pending afterwards: the next release runs it" for line in freed),
        *(f"{line.tag} is pending afterwards, {line.sentence}" for line in late if line not in freed),
    ]


def _left(problems: tuple[Problem, ...]) -> list[str]:
    return [f"not a part of this: {problem.cause}" for problem in problems]
