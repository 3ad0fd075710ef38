"""Top Tweets: keeps the leaderboards of social campaigns right within a fixed request budget."""

__version__ = "0.1.0"
