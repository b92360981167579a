"""`python -m asgn`, by which launchers of several processes start the command."""

from asgn.cli.main import main

if __name__ == "__main__":
    main()
