"""The real Watchlist, planner and boards under a virtual clock, against a population whose counts are known."""
