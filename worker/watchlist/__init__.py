"""The Posts being tracked, in columns: a million fit in a few hundred megabytes."""

from worker.watchlist.columns import State
from worker.watchlist.eviction import least_able
from worker.watchlist.lanes import APP, Lane
from worker.watchlist.shapes import Added, Change, Tracked, WatchlistLimits
from worker.watchlist.watchlist import Watchlist

__all__ = ["APP", "Added", "Change", "Lane", "State", "Tracked", "Watchlist", "WatchlistLimits", "least_able"]
