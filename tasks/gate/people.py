"""Who somebody is: every door's own immutable identity, mapped to one person by `[[people]]` in gate.toml."""

from collections.abc import Sequence

from config.policy import Person, Policy

# Which identity a door brings along. What is only typed into a form is looked up by the person's name.
IDENTITY_OF_DOOR = {
    "slack": "slack",
    "github": "github",
    "command-line": "os_user",
    "terminal": "os_user",
    "database": "database_user",
    "prefect-ui": "name",
}
HERE = ("os_user", "name")  # whoever has one of these has access to Gate itself


def person_of(policy: Policy, door: str, identity: str) -> str:
    """The person behind an identity at a door; who is in no `[[people]]` keeps the identity, marked with its kind.

    The mark keeps a stranger whose GitHub login happens to be an approver's name from passing for the approver. An
    operating-system user needs none while nobody in `[[people]]` has that name, so a flat list of approvers works.

    Args:
        policy: gate.toml.
        door: a key of IDENTITY_OF_DOOR.
        identity: what the door itself knows the person by, never a display name.
    """
    identity = identity.strip()
    kind = IDENTITY_OF_DOOR.get(door, door)
    for person in policy.people:
        if _is(person, kind, identity):
            return person.name
    if kind in HERE and ":" not in identity and identity not in {person.name for person in policy.people}:
        return identity
    return f"{kind}:{identity}"


def people_meant(policy: Policy, text: str) -> frozenset[str]:
    """Everybody whom a text may mean that names a starter or an author; the text itself where it is nobody we know.

    Rather too many than too few: these people may not approve. `github:LOGIN`, `email:ADDRESS` and the like say which
    kind of identity is meant; a plain text is compared with all of them.
    """
    kind, marked, value = text.strip().partition(":")
    if not marked:
        kind, value = "", text.strip()
    found = {person.name for person in policy.people if _is(person, kind, value)}
    return frozenset(found or {text.strip()})


def strangers(policy: Policy, texts: Sequence[str]) -> tuple[str, ...]:
    """Those texts that name nobody of `[[people]]`."""
    known = {person.name for person in policy.people}
    return tuple(text for text in texts if not people_meant(policy, text) & known)


def _is(person: Person, kind: str, value: str) -> bool:
    """Whether this identity is this person's; of any kind when none is said."""
    if not value:
        return False
    mine = [("name", person.name), *person.identities()]
    return any(
        kind in {"", own} and (value.casefold() if own in {"github", "email"} else value) == known
        for own, known in mine
    )
