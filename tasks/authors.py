"""Finds out who wrote the files of a release: CI's git where CI sent them, else the repository around them here."""

from config.settings import Settings
from tasks.clients import git
from tasks.gate.authors import authors_of
from tasks.gate.bundle import MIGRATIONS, ROLLBACKS, Bundle
from tasks.gate.plan import Plan
from tasks.release import Release


def authors(release: Release, plan: Plan) -> tuple[str, ...]:
    """Who wrote what this release will run; empty where nobody can say.

    Nobody is looked for where `[[people]]` maps no address to anybody.
    """
    if not release.policy.people:
        return ()
    opened = release.record.last("opened")
    sent = opened.body.get("bundle") if opened else None
    known = Bundle.model_validate(sent).authors if sent else authors_here(release.settings)
    return authors_of(plan, known)


def authors_here(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Who wrote each file of the folders on this machine, by path as a bundle names them."""
    found = {f"{MIGRATIONS}/{path}": people for path, people in git.authors(settings.migrations).items()}
    if settings.rollback_folder.is_dir():
        found |= {f"{ROLLBACKS}/{path}": people for path, people in git.authors(settings.rollback_folder).items()}
    return found
