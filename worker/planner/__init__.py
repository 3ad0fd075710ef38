"""Which Posts the next request asks for. Pure: time, Watchlist and standings in, Post IDs out."""

from worker.planner.board_gain import BoardGain, BoardGainSettings
from worker.planner.explain import Explanation, Stake
from worker.planner.planner import Plan, Planner, Posts
from worker.planner.timing import TimingSettings

__all__ = [
    "BoardGain",
    "BoardGainSettings",
    "Explanation",
    "Plan",
    "Planner",
    "Posts",
    "Stake",
    "TimingSettings",
]
