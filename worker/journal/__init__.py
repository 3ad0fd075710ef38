"""The journal: the Watchlist in a compacted topic, so that a restart asks the API for nothing it knew.

Beside the rooms, as it joins two of them: it is written and read in threads as intake's topics are, and
tells what the Watchlist holds. ``docs/decisions/0014-journal.md`` says why it is as it is.
"""

from worker.journal.journal import Journal
from worker.journal.keeper import KeeperSettings
from worker.journal.reader import JournalError

__all__ = ["Journal", "JournalError", "KeeperSettings"]
