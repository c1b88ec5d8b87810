"""`python -m probablyexists`."""

from probablyexists.cli.main import main

if __name__ == "__main__":
    main()
