"""A change of the ledger as a script's text that changes exactly the rows that were planned, or fails."""

from psycopg import sql

GUARD = """do {body}"""
BODY = """
declare
  changed bigint;
begin
  {statement};
  get diagnostics changed = row_count;
  if changed <> {rows} then
    raise exception using message = {what} || pg_catalog.format(': changed %s rows, expected %s', changed, {rows});
  end if;
end
"""


def guarded(statement: sql.Composable, rows: int, what: str) -> str:
    """The text of one statement of a script; in production it fails unless it changes `rows` rows.

    Args:
        statement: an INSERT, UPDATE or DELETE with every name qualified and every value a literal.
        rows: how many it must change.
        what: what it does, in words, for the error: "the row of 0003_x".
    """
    body = sql.SQL(BODY).format(statement=statement, rows=sql.Literal(rows), what=sql.Literal(what))
    return sql.SQL(GUARD).format(body=sql.Literal(body.as_string(None))).as_string(None)
