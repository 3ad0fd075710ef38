"""What the HTTP room asks of the others: small frozen answers that the runtime gives through callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from worker.model import Campaign, HandlesUsed, MetricName, PostId, Timestamp, post_url


@dataclass(frozen=True, slots=True)
class BoardChance:
    """A board that a Post competes on, as the planner sees it.

    ``value`` is what was measured last; ``expected`` what it has probably come to, nine times of ten between
    ``low`` and ``high``; all ``None`` where nothing was measured. ``bar``: what it must have to belong on the
    board by now; ``shown_bar``: the last value shown; ``None`` while there are free places. ``chance``: that
    it belongs there.
    """

    campaign: Campaign
    metric: MetricName
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    bar: float | None
    shown_bar: float | None
    chance: float


@dataclass(frozen=True, slots=True)
class Planning:
    """Why a Post was asked for, and what asking again is worth.

    ``worth`` and ``asked_worth`` count in places on boards times seconds; so does ``last_seat``, what the
    last seat of the newest full request was worth. ``half_growth``: the age in seconds at which, as learned,
    half of a Post's growth is over.
    """

    reason: Literal["not_asked", "worth", "waited", "due", "free_seat"]
    asked_at: Timestamp | None
    asked_worth: float | None
    worth: float
    last_seat: float
    half_growth: float
    boards: Sequence[BoardChance]


@dataclass(frozen=True, slots=True)
class PostView:
    """What the worker knows of one Post.

    A count is ``None`` when the API did not give it; so is a rate. ``per_hour`` is keyed by the metric that
    grows (``retweets``). ``due_at`` is when the Post is due to be asked for again.
    """

    post_id: PostId
    state: Literal["new", "measured", "unavailable"]
    campaigns: tuple[Campaign, ...]
    created_at: Timestamp | None
    seen_at: Timestamp
    measured_at: Timestamp | None
    counts: Mapping[MetricName, int | None]
    per_hour: Mapping[MetricName, float | None] = field(default_factory=dict)
    rates: Mapping[MetricName, float | None] = field(default_factory=dict)
    author: str | None = None
    text: str | None = None
    due_at: Timestamp | None = None
    planning: Planning | None = None

    @property
    def url(self) -> str:
        """A link that needs no author's name."""
        return post_url(self.post_id)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another worker tracks the Post, if anybody does: the owner of this partition of ``sightings``."""

    partition: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, and a sentence on each thing looked at."""

    ok: bool
    checks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A mean over simulated worlds, and half of its 95 % interval; ``None`` with one world."""

    mean: float
    within: float | None


@dataclass(frozen=True, slots=True)
class OutlookBudget:
    """What ``budget`` times the contract would give.

    ``worlds``: how many were simulated. ``recall``: right Posts among those shown. ``exact_boards``: the
    share of leaderboards without a wrong Post. ``shown_error``: the median error of shown counts, as a share
    of the true ones.
    """

    budget: float
    requests_per_minute: float
    worlds: int
    recall: Estimated
    exact_boards: Estimated
    shown_error: Estimated


@dataclass(frozen=True, slots=True)
class OutlookWorld:
    """What the simulated worlds have, before they were scaled down by ``scale``, Posts and requests alike.

    ``posts``: in the tracking window. ``campaigns``: those with leaderboards in it. ``half_growth``: the age
    in seconds at which half of a Post's growth is over, as learned. ``size_tail``: the tail index of sizes.
    """

    posts: int
    posts_per_hour: float
    campaigns: int
    metrics: tuple[MetricName, ...]
    top: int
    half_growth: float
    size_tail: float
    scale: float


@dataclass(frozen=True, slots=True)
class OutlookResult:
    """What twice and half of the contract would give. ``left_out``: budgets that there was no time for."""

    made_at: Timestamp
    took: float
    world: OutlookWorld
    budgets: Sequence[OutlookBudget]
    left_out: Sequence[float]


@dataclass(frozen=True, slots=True)
class OutlookView:
    """The newest outlook, or a sentence on why there is none yet."""

    result: OutlookResult | None
    reason: str | None


HandlesLookup: TypeAlias = Callable[[], HandlesUsed]

OutlookLookup: TypeAlias = Callable[[], OutlookView]

PostLookup: TypeAlias = Callable[[PostId], PostView | Elsewhere | None]
"""``None``: the worker does not track the Post."""

HealthCheck: TypeAlias = Callable[[], Health]
