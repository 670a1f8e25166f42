"""Who is who at every door, and whose yes counts."""

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from config.section import Section


class Person(Section):
    """One person and every identity that is theirs; whoever decides at a door is looked up here."""

    name: str = Field(min_length=1, description="How the record and `approvers` name them.")
    slack: str | None = Field(None, min_length=1, description="Slack's immutable user id, for example U0123ABCD.")
    github: str | None = Field(None, min_length=1, description="GitHub login.")
    os_user: str | None = Field(None, min_length=1, description="Operating-system user, of the command line.")
    database_user: str | None = Field(None, min_length=1, description="Role in production, for `--as-database-user`.")
    emails: tuple[str, ...] = Field((), description="Addresses in git: who wrote a migration.")

    def identities(self) -> Iterator[tuple[str, str]]:
        """Kind and value of each identity, in the one spelling that comparisons use."""
        for kind in ("slack", "os_user", "database_user"):
            if value := getattr(self, kind):
                yield kind, value
        if self.github:
            yield "github", self.github.casefold()  # GitHub does not tell a login's cases apart
        for address in self.emails:
            yield "email", address.casefold()


class Approval(Section):
    """Who may say yes, how many of them, and for how long it counts."""

    approvers: tuple[str, ...] = Field((), description="Names that may approve; anybody with access while empty.")
    count: int = Field(1, ge=1, description="How many different people must approve.")
    count_losing_data: int | None = Field(
        None, ge=1, description="How many when the rehearsal lost rows or columns; as `count` unless set."
    )
    expires_hours: float = Field(4.0, gt=0, description="An approval request expires after this many hours.")
    self_approval: bool | None = Field(
        None, description="May the one who started the release approve it; yes while no approvers are named."
    )
    author_approval: bool | None = Field(
        None, description="May an author of a pending migration approve it; yes while no approvers are named."
    )
    require_known_people: bool = Field(
        False, description="Refuse approvals while the starter or an author is nobody of [[people]]."
    )
    break_glass: tuple[str, ...] = Field(
        (), description="Two of these together may approve in an emergency, whatever `approvers` and windows say."
    )
    prefect_ui: bool | None = Field(
        None,
        description="May a form in the Prefect UI decide; its name is only typed. Yes while no approvers are named.",
    )

    @model_validator(mode="after")
    def _enough_people(self) -> Self:
        most = max(self.count, self.count_losing_data or 0)
        if self.approvers and most > len(set(self.approvers)):
            raise ValueError(f"{most} different approvers are asked for, and {len(set(self.approvers))} are named")
        if self.break_glass and len(set(self.break_glass)) < 2:  # noqa: PLR2004
            raise ValueError("break_glass needs two different people")
        return self
