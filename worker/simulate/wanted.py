"""What a user wants simulated, checked: from the command's options to an experiment."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 -- pydantic resolves the annotations at run time
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from worker.model import MetricName
from worker.settings.types import Duration, is_duration, parse_duration
from worker.settings.words import in_words
from worker.simulate.arrivals import Arrivals
from worker.simulate.cascades import Sizes, read_cascades
from worker.simulate.experiment import Plan
from worker.simulate.policies import POLICIES
from worker.simulate.synthetic import Growing
from worker.simulate.world import Attack, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_FEWEST_POSTS: Final = 10
_MOST_POSTS: Final = 5_000_000
PUBLIC: Final = ("favorites", "replies", "retweets", "quote_tweets", "video_views")


class UsageError(Exception):
    """What is wanted cannot be simulated. The text names each option at fault, its value and the mend."""


def _listed(value: object) -> object:
    """``"0.5,1"`` as a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Budget = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Wanted(BaseModel):
    """The options of ``top-tweets simulate`` by their names. Durations in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    live_posts: Annotated[int, Field(ge=_FEWEST_POSTS, le=_MOST_POSTS)] = 20_000
    campaigns: Annotated[int, Field(ge=1, le=100_000)] = 20
    top: Annotated[int, Field(ge=1, le=1000)] = 10
    metrics: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)] = ["favorites"]
    hours: Annotated[float, Field(gt=0, le=24 * 90)] = 24.0
    warm_up: Annotated[float, Field(ge=0, le=24 * 90)] = 24.0
    window: Annotated[Duration, Field(ge=600)] = 86_400.0
    requests_per_minute: Annotated[list[Budget], BeforeValidator(_listed), Field(min_length=1)] = [
        0.5,
        1.0,
        2.0,
    ]
    policy: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)] = ["planner", "round-robin"]
    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    half_growth: Annotated[Duration, Field(gt=0)] = 4800.0
    assumed_half_growth: Annotated[Duration, Field(gt=0)] = 4800.0
    size_tail: Annotated[float, Field(gt=0.3, le=10)] = 1.1
    least_size: Annotated[float, Field(gt=0, le=1e6)] = 2.0
    zipf: Annotated[float, Field(ge=0, le=5)] = 1.0
    largest: Annotated[float, Field(gt=0, lt=1)] | None = None
    swing: Share = 0.5
    waves: Share = 0.0
    falls: Share = 0.0
    attack: Annotated[int, Field(ge=0, le=_MOST_POSTS)] = 0
    refused: Annotated[Duration, Field(ge=0)] = 0.0
    cascades: Path | None = None

    @field_validator("policy")
    @classmethod
    def _are_policies(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in POLICIES:
                raise ValueError(f"{name!r} is no policy: one of {', '.join(POLICIES)}")
        return value

    @field_validator("metrics")
    @classmethod
    def _are_public(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in PUBLIC:
                raise ValueError(f"{name!r} cannot be simulated: one of {', '.join(PUBLIC)}")
        return value

    def plan(self) -> Plan:
        """The experiment.

        Raises:
            CascadesError: the file of cascades cannot be used.
        """
        begins_refusing = self.hours * 3600.0 / 3
        world = World(
            Arrivals(self.live_posts, self.window, self.campaigns, self.zipf, self.swing, self.largest),
            tuple(MetricName(name) for name in self.metrics),
            Sizes(self.least_size, self.size_tail),
            Growing(self.half_growth, waves=self.waves, falls=self.falls, within=self.window),
            read_cascades(self.cascades) if self.cascades else (),
            Attack(self.attack) if self.attack else None,
        )
        return Plan(
            world,
            tuple(dict.fromkeys(self.policy)),
            tuple(dict.fromkeys(self.requests_per_minute)),
            self.seeds,
            self.top,
            self.hours,
            self.warm_up,
            self.assumed_half_growth,
            ((begins_refusing, begins_refusing + self.refused),) if self.refused else (),
        )


def live_posts(posts_per_day: float, window: str) -> int:
    """How many Posts are in a tracking window, such as ``24h``, when so many appear in a day.

    Raises:
        UsageError: the window is no duration, or there are too few Posts, or too many.
    """
    if not posts_per_day > 0:
        raise UsageError(f"--posts-per-day: it must be more than 0 (it is {posts_per_day:g})")
    try:
        live = posts_per_day * parse_duration(window) / 86_400.0
    except ValueError as error:
        raise UsageError(f"--window: {error} (it is {window!r})") from None
    if not _FEWEST_POSTS <= live <= _MOST_POSTS:
        raise UsageError(
            f"--posts-per-day: {posts_per_day:g} makes {live:g} Posts in a window of {window}; "
            f"what can be simulated is {_FEWEST_POSTS} to {_MOST_POSTS:,}"
        )
    return round(live)


def wanted(**options: object) -> Wanted:
    """The options checked, all of them at once; those that are ``None`` are as usual.

    Raises:
        UsageError: with a line for each option that cannot be.
    """
    try:
        return Wanted.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise UsageError("\n".join(_told(fault, options) for fault in error.errors())) from None


def _told(fault: ErrorDetails, options: Mapping[str, object]) -> str:
    name = str(fault["loc"][0])
    right = in_words(fault, seconds=is_duration(Wanted.model_fields[name]))
    return f"--{name.replace('_', '-')}: {right} (it is {options[name]!r})"
