"""Where the program `gate` begins: a person waits for its imports at every command."""

import gc


def main() -> None:
    """Run `gate`, and leave with the exit code of the table."""
    gc.disable()  # what is imported stays: looking for garbage in it is a tenth of the start
    from flows.command_line import main as run

    gc.freeze()
    gc.enable()
    run()
