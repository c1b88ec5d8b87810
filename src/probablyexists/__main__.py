"""`python -m probablyexists`, and the command `probablyexists`."""

import sys


def main() -> None:
    """As `cli.main.main`; also Ctrl-C while that is being imported is one line."""
    try:
        from probablyexists.cli.main import main as command
    except KeyboardInterrupt:
        sys.stderr.write("probablyexists: stopped; run the same command to continue\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
