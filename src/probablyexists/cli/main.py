"""The command line: parse, call, print. One handler turns our errors into one line and an exit code."""

from __future__ import annotations

import sys
import traceback

from probablyexists.basis.errors import ProbablyExistsError


def main() -> None:
    """Entry point of `probablyexists`.

    Exit code 0 done, 1 a leak with --fail-on-leak, 2 bad input, 3 a failure of ours or of the machine, 130 stopped.
    """
    from probablyexists.cli.app import app

    try:
        app(prog_name="probablyexists")
    except ProbablyExistsError as error:
        print(f"probablyexists: {error.on_command_line}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except SystemExit as left:
        if left.code == 130:  # Typer's exit code for Ctrl-C
            print("probablyexists: stopped; embeddings are kept, run the same command to continue", file=sys.stderr)  # noqa: T201
        raise
    except Exception:  # not foreseen: shown whole, with a code that is neither a leak nor bad input
        traceback.print_exc()
        sys.exit(3)
