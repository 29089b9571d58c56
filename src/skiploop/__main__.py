"""``python -m skiploop`` is the command ``skiploop``."""

from skiploop.cli.main import main

if __name__ == "__main__":
    main()
