"""The command ``top-tweets``, which ``python -m worker`` is too: imports all that it needs, and runs."""

from __future__ import annotations

import sys

from worker.starting import INTERRUPTED, interrupted_at_once


def main() -> None:
    """Run the command. Ctrl-C, where the command itself does not take it, ends it with 130."""
    with interrupted_at_once():
        from worker.cli import app  # noqa: PLC0415 -- takes long enough for a person to change their mind
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
