"""The last line after Ctrl-C: what happened to production, and the command that goes on."""

from flows.commands.run import _interruption


def test_whoever_presses_ctrl_c_reads_whether_production_was_touched() -> None:
    resume = "`gate resume 20261123-220512-shop-a1b2c3`"
    name = resume.strip("`").split()[-1]
    assert _interruption([], []) == "interrupted before a release was opened; nothing changed"
    assert _interruption([name], ["production was not touched"]) == f"production was not touched; {resume} goes on"
    assert _interruption([name], []) == f"interrupted; {resume} finds out what was done and goes on"
