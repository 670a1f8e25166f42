"""What is true around a statement: the server's major version, and what this release has made so far."""

from dataclasses import dataclass, field

from tasks.gate.sql import ParsedStatement


@dataclass
class Situation:
    """Grows from statement to statement of one release."""

    major: int
    new: set[str] = field(default_factory=set)  # relations that earlier statements of this release make, as written
    functions: dict[str, list[ParsedStatement]] = field(default_factory=dict)  # made so far, by name without schema
    reading: set[str] = field(default_factory=set)  # of those, the ones whose body is being read
    domains: frozenset[str] | None = None  # names of domains, without schema; None when nobody has asked the catalog
