"""What ``top-tweets budget`` is asked: from its options, or from a topic and settings, to an experiment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from worker.settings.types import parse_duration, write_duration
from worker.simulate.arrivals import DAY
from worker.simulate.wanted import PUBLIC, UsageError, live_posts, wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.settings import Settings
    from worker.simulate.experiment import Plan
    from worker.simulate.measured import Measured

_POSTS_PER_DAY: Final = 20_000.0
_WINDOW: Final = "24h"
_FEWEST_NEW: Final = 10
_HOUR: Final = 3600.0
_LONGEST_WARM_UP: Final = 7 * DAY
_SHORTEST: Final = 60.0


class TooFewError(Exception):
    """Too few Posts came to say how many come a day. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Sought:
    """The options by their names; ``None`` where the user said nothing: then it is as usual, or measured."""

    posts_per_day: float | None = None
    campaigns: int | None = None
    top: int | None = None
    metrics: str | None = None
    window: str | None = None
    cascades: Path | None = None
    hours: float | None = None
    seeds: int | None = None

    def plan(self) -> Plan:
        """A world of these options.

        Raises:
            UsageError: they cannot be; names each of them.
            CascadesError: the file of cascades cannot be used.
        """
        window = _WINDOW if self.window is None else self.window
        live = live_posts(_POSTS_PER_DAY if self.posts_per_day is None else self.posts_per_day, window)
        # When judging begins, there are as many Posts in the window as later on; what is older hardly grows.
        warm_up = min(max(DAY, parse_duration(window)), _LONGEST_WARM_UP)
        return wanted(
            live_posts=live,
            campaigns=self.campaigns,
            top=self.top,
            metrics=self.metrics,
            window=window,
            cascades=self.cascades,
            hours=self.hours,
            warm_up=warm_up / _HOUR,
            seeds=self.seeds,
            policy="planner",
        ).plan()

    def with_settings(self, settings: Settings) -> Sought:
        """With what the settings say of the boards and the window, where the user said nothing.

        Raises:
            UsageError: the settings have no board that can be simulated.
        """
        metrics = simulated(settings)
        if self.metrics is None and not metrics:
            raise UsageError(
                f"boards.metrics: none of {', '.join(settings.boards.metrics)} can be simulated; "
                f"say --metrics with one of {', '.join(PUBLIC)}"
            )
        return replace(
            self,
            top=settings.boards.top if self.top is None else self.top,
            metrics=",".join(metrics) if self.metrics is None else self.metrics,
            window=write_duration(settings.watchlist.tracking_window) if self.window is None else self.window,
        )

    def own_plan(self, settings: Settings, measured: Measured) -> Plan:
        """A world like that of the topic, on boards like those of the settings; options given here win.

        Raises:
            UsageError: as ``plan`` and ``with_settings``.
            CascadesError: as ``plan``.
            TooFewError: how many Posts come a day was neither said nor to be measured.
        """
        per_day = self.posts_per_day
        if per_day is None:
            per_day = measured.posts_per_day
            _require_enough(measured)
        plan = replace(self.with_settings(settings), posts_per_day=per_day).plan()
        arrivals = replace(plan.world.arrivals, by_hour=measured.by_hour)
        if self.campaigns is None:
            arrivals = replace(arrivals, shares=measured.shares, campaigns=len(measured.campaigns))
        world = replace(plan.world, arrivals=arrivals)
        return replace(plan, world=world, half_growth=settings.planner.half_growth)


def parse_last(text: str) -> float:
    """The seconds that ``--last`` says.

    Raises:
        UsageError: it says none; tells what would be right.
    """
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--last: {error} (it is {text!r})") from None
    if seconds < _SHORTEST:
        raise UsageError(f"--last: {text} is too short to measure anything; at least 1m, such as 24h")
    return seconds


def simulated(settings: Settings) -> Sequence[str]:
    """The metrics of the settings' boards that can be simulated."""
    return [metric for metric in settings.boards.metrics if metric in PUBLIC]


def _require_enough(measured: Measured) -> None:
    if measured.new < _FEWEST_NEW:
        span = write_duration(round(measured.ends - measured.begins))
        raise TooFewError(
            f"of {measured.posts:,} Posts in the last {span}, {measured.new:,} were created in that time: "
            "look further back with --last, wait until more of the stream is there, or say how many come "
            "with --posts-per-day"
        )
