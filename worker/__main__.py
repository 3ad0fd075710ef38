"""``python -m worker`` is ``top-tweets``."""

from worker.cli import main

main()
