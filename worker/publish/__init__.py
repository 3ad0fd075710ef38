"""Where leaderboards go: one file a destination, all behind one small protocol."""
