"""What a run of the tests leaves out: what takes minutes and was not asked for, what needs a program or root."""

import os
import shutil

import pytest


def program(name: str) -> str | None:
    """Where a program is that comes with the machine and with no package of Python."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect it: a skipped test hides among those that could not run, and these have targets of their own."""
    out = {item for item in items if _unasked(item) or _without_program(item) or _not_root(item)}
    if out:
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]


def _unasked(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("long")
    return mark is not None and not os.environ.get(mark.args[0])


def _not_root(item: pytest.Item) -> bool:
    return item.get_closest_marker("as_root") is not None and os.geteuid() != 0


def _without_program(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("program")
    return mark is not None and not all(map(program, mark.args))
