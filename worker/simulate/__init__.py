"""The real Watchlist, planner and boards under a virtual clock, among Posts whose counts are known."""
