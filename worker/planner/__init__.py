"""Which Posts the next request asks for. Pure: time, Watchlist and standings in, Post IDs out."""

from worker.planner.age_decay import AgeDecay, AgeDecaySettings
from worker.planner.planner import Plan, Planner, Posts

__all__ = ["AgeDecay", "AgeDecaySettings", "Plan", "Planner", "Posts"]
