"""Statements of PostgreSQL's manual over one small schema: put to the parse tree and to real servers."""

from pathlib import Path

_FOLDER = Path(__file__).with_name("statements")
SCHEMA = (_FOLDER / "schema.sql").read_text()
CASES = [line for line in (_FOLDER / "cases.sql").read_text().splitlines() if not line.startswith("--")]

# What no transaction takes, each with the lock of somebody else that makes it wait while it is looked at. In this order
# on one schema: each leaves what the next ones need.
OUTSIDE = [
    ("VACUUM t", "lock table t in share update exclusive mode"),
    ("VACUUM (ANALYZE) t", "lock table t in share update exclusive mode"),
    ("VACUUM FULL t", "lock table t in access share mode"),
    ("CLUSTER", "lock table t in access share mode"),
    ("CLUSTER p USING p_id", "lock table p in access share mode"),
    ("CREATE INDEX CONCURRENTLY x ON t (a)", "lock table t in row exclusive mode"),
    ("CREATE UNIQUE INDEX CONCURRENTLY y ON o (id)", "lock table o in row exclusive mode"),
    ("DROP INDEX CONCURRENTLY b_index", "lock table t in row exclusive mode"),
    ("REINDEX INDEX CONCURRENTLY j", "lock table t in row exclusive mode"),
    ("REINDEX TABLE CONCURRENTLY t", "lock table t in row exclusive mode"),
    ("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", "lock table p1 in row exclusive mode"),
    ("DO $$ BEGIN UPDATE f SET t_id = 1; COMMIT; END $$", "lock table f in share mode"),
]
