"""What is true around a statement: the server's major version, and what this release has made so far."""

from dataclasses import dataclass, field

from tasks.gate import sql
from tasks.gate.effect import Effect
from tasks.gate.sql import ParsedStatement


@dataclass
class Situation:
    """Grows from statement to statement of one release."""

    major: int
    new: set[str] = field(default_factory=set)  # relations that earlier statements of this release make, as written
    functions: dict[str, list[ParsedStatement]] = field(default_factory=dict)  # made so far, by name without schema
    reading: set[str] = field(default_factory=set)  # of those, the ones whose body is being read
    domains: frozenset[str] | None = None  # names of domains, without schema; None when nobody has asked the catalog

    def learn(self, statement: ParsedStatement, effect: Effect) -> None:
        """Take over what a statement makes, renames, moves and drops: a name may stand for another table afterwards."""
        self.new |= {touched.name for touched in effect.touched if touched.new}
        node = statement.node
        if statement.kind == "drop_stmt":
            self.new -= {touched.name for touched in effect.touched}
        elif statement.kind == "rename_stmt" and sql.enum(node, "rename_type") == "OBJECT_TABLE":
            self._rename(sql.relation(node.relation), (node.relation.schemaname, node.newname))
        elif statement.kind == "alter_object_schema_stmt" and node.HasField("relation"):
            self._rename(sql.relation(node.relation), (node.newschema, node.relation.relname))

    def _rename(self, before: tuple[str, ...], after: tuple[str, str]) -> None:
        old, new = ".".join(before), ".".join(part for part in after if part)
        was_new = old in self.new
        self.new -= {old, new}
        if was_new:
            self.new.add(new)
