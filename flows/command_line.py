"""The command line: finds the command, turns every refusal into one sentence and an exit code."""


def main() -> None:
    """Run `gate`."""
