"""The settings of what is asked next. ``config/worker.toml`` is written from this file too."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from worker.settings.section import Section
from worker.settings.types import Duration  # noqa: TC001 -- pydantic resolves the annotations at run time


class Planner(Section):
    """Which Posts the next request asks for."""

    linger: Duration = Field(
        2.0,
        description="the longest wait of a due Post for a request to fill up; "
        "below one request a minute there is none",
    )
    min_interval: Duration = Field(
        15.0,
        gt=0,
        description="a Post is due again after this time at the earliest; free seats of a request that is "
        "sent go to Posts that are not due yet, so one may be measured sooner",
    )
    interval_growth: Annotated[float, Field(ge=0, le=10)] = Field(
        0.02, description="a Post is due again after this share of its age (and at least min_interval)"
    )
    min_interval_28h: Duration = Field(
        900.0, gt=0, description="as min_interval, of the looks at a Post's last 28 hours"
    )
    share_28h: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.25,
        description="share of the requests for the last 28 hours, when there are too few for all",
    )
    half_growth: Duration = Field(
        4800.0,
        gt=0,
        description="age at which half of a Post's growth is over, until the planner has learned it",
    )
    free_seats: bool = Field(
        True,
        description="seats of a request that no due Post needs go to those whose answers are worth most to "
        "boards, though not due yet",
    )
    unasked_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.03,
        description="share of the seats, when there are too few for all: one half for the Posts not asked "
        "for the longest, one for Posts drawn at random, by which the audit knows how right boards are",
    )
    max_unasked: Duration = Field(
        86_400.0,
        gt=0,
        description="a Post that was not asked for in this time comes first, as far as a tenth of the seats "
        "suffices; toptweets_longest_unasked_seconds tells the real bound",
    )
    retire_chance: Annotated[float, Field(ge=0, lt=1)] = Field(
        1e-4,
        description="a Post is let go when it has a smaller chance to reach any board within its tracking "
        "window; it is tracked again when it shows up again. 0: never",
    )
    outlook_interval: Duration = Field(
        21_600.0,
        description="time between two simulations of what more or less of the contract would give, in a "
        "process of low priority beside the worker that publishes; 0: none",
    )
    outlook_timeout: Duration = Field(
        600.0, ge=1, description="the longest that one may take; what is not done by then is left out"
    )
