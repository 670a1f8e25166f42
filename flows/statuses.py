"""Ends the commit status of a release whose CI job died before it could."""

import logging
from datetime import UTC, datetime

from config.settings import Settings
from flows.github_now import github_now
from tasks.gate.commit_status import context_of, ended_lately, left_behind, state_of
from tasks.gate.errors import GateError
from tasks.gate.story import Story
from tasks.github_asks import Ended, stories
from tasks.steps.open import store_of

log = logging.getLogger("gate.reconcile")


class LeftStatuses:
    """Looks at the releases of one target that came from CI; remembers which it need not look at again."""

    def __init__(self, settings: Settings) -> None:
        """Touch nothing.

        Args:
            settings: target and store; nothing is done without GitHub's token and repository.
        """
        self._settings = settings
        self._ended: Ended = {}
        self._done: set[str] = set()  # ids of releases

    def look(self) -> None:
        """End what is still "pending" for a release that has ended.

        Raises:
            GateError: the store cannot be read, or GitHub does not answer; it is tried again at the next look.
        """
        settings, now = self._settings, datetime.now(UTC)
        if settings.github_token is None or not settings.github_repository:
            return
        seen: set[str] = set()
        for commit, story in stories(store_of(settings), settings.target, now, self._ended):
            newest = commit not in seen
            seen.add(commit)
            if newest and commit and story.id not in self._done and ended_lately(story, now):
                self._end(commit, story)
                self._done.add(story.id)

    def _end(self, commit: str, story: Story) -> None:
        settings = self._settings
        github = github_now(settings)
        try:
            status = left_behind(github.statuses(commit), settings.target, story)
            if status is None or story.exit_code is None:
                return
            github.set_status(
                commit,
                state=state_of(story.exit_code),
                context=context_of(settings.target),
                sentence=f"{story.outcome}: {story.sentence}",
                url=status.url,
            )
        except GateError as error:
            if not 400 <= int(str(error.nouns.get("status") or 0)) < 500:  # noqa: PLR2004
                raise
            # The token need not be allowed to: then the job's own last word stays.
            log.warning("the commit status of %s is not ended here: %s", story.id, error.message)
        else:
            log.info("the commit status of %s was left pending by its job, and is ended", story.id)
