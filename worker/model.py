"""The nouns: plain, frozen data that every room may import, and the facts about Post IDs they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NewType, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from worker.recall import Audited

PostId = NewType("PostId", int)
"""The 64-bit ID of a Post. An ``int`` inside, a string in every JSON."""

Timestamp = NewType("Timestamp", float)
"""A moment, in seconds since 1970-01-01 UTC."""

Seconds = NewType("Seconds", float)
"""A length of time in seconds."""

Campaign = NewType("Campaign", str)
"""A normalised campaign name: what Posts compete under."""

MetricName = NewType("MetricName", str)
"""A metric of the API (``retweets``) or one derived from it (``retweets_per_hour``)."""

ALL: Final = Campaign("all")
"""The campaign that every Post is in."""

MAX_POST_ID: Final = 2**63 - 1

PUBLIC_METRICS: Final = tuple(
    MetricName(name) for name in ("favorites", "retweets", "replies", "quote_tweets", "video_views")
)
"""The totals that the Engagement API gives of any public Post, for a bearer token."""

PER_HOUR: Final = "_per_hour"
"""What a derived metric's name ends in: growth per hour over the growth window."""

NOT_AVAILABLE: Final = np.iinfo(np.int64).min
"""Stands in an array of counts where the API gave none. Never 0: 0 is a count."""

_SNOWFLAKE_EPOCH_MS: Final = 1288834974657
_FIRST_SNOWFLAKE: Final = 29_700_000_000

IntArray: TypeAlias = "NDArray[np.int64]"
FloatArray: TypeAlias = "NDArray[np.float64]"


def created_at(post_id: PostId) -> Timestamp | None:
    """When the Post was created, read from its ID; ``None`` for IDs from before snowflakes (November 2010).

    Source: X's documentation of Post IDs; ``created_ms = (id >> 22) + 1288834974657``.
    """
    if post_id < _FIRST_SNOWFLAKE:
        return None
    return Timestamp(((post_id >> 22) + _SNOWFLAKE_EPOCH_MS) / 1000)


def creation_times(post_ids: IntArray) -> FloatArray:
    """``created_at`` of many Posts at once; ``nan`` where an ID holds no time. Shape as ``post_ids``."""
    times = ((post_ids >> 22) + _SNOWFLAKE_EPOCH_MS) / 1000.0
    times[post_ids < _FIRST_SNOWFLAKE] = np.nan
    return times


def first_post_id(at: Timestamp) -> PostId:
    """The smallest ID that a Post created at this moment can have. Inverse of ``created_at``."""
    return PostId((round(at * 1000) - _SNOWFLAKE_EPOCH_MS) << 22)


class Clock(Protocol):
    """Where time comes from. Injected, so that tests and simulations can own it."""

    def now(self) -> Timestamp:
        """The time of day."""

    def monotonic(self) -> Seconds:
        """A time that never goes back, for measuring and waiting. Its zero means nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a clock goes: ``speed`` times as fast as the machine's since ``since``, when both were equal.

    Other than 1 in development only. What waits, waits by the machine; and what brokers tell is its time.
    """

    speed: float = 1.0
    since: Timestamp = Timestamp(0.0)

    @property
    def is_real(self) -> bool:
        """Whether the clock is the machine's."""
        return self.speed == 1

    def moment(self, machine: Timestamp) -> Timestamp:
        """What the clock tells when the machine's tells this."""
        return machine if self.is_real else Timestamp(self.since + self.speed * (machine - self.since))

    def passed(self, machine: Seconds) -> Seconds:
        """How much passes by the clock in so many of the machine's seconds."""
        return Seconds(machine * self.speed)

    def lasts(self, seconds: Seconds) -> Seconds:
        """How many of the machine's seconds so many of the clock's last."""
        return Seconds(seconds / self.speed)


REAL_TIME: Final = Pace()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record stood."""

    topic: str
    partition: int
    offset: int


class Sighting(NamedTuple):
    """A Post ID read from the input, with what came along.

    A tuple, and no dataclass like its neighbours: one is made of every record, twice, and it costs a third.

    ``campaigns`` are normalised, sorted and without duplicates, and do not name ``all``.
    ``author`` is a handle without the at sign, ``author_id`` the account's number as text, kept where the
    handle is not known; these and ``text`` are ``None`` when not known.
    """

    post_id: PostId
    campaigns: tuple[Campaign, ...]
    seen_at: Timestamp
    author: str | None = None
    text: str | None = None
    author_id: str | None = None


class Growing(NamedTuple):
    """Counts that growth per hour is measured against, and when they were measured."""

    at: Timestamp
    counts: Mapping[MetricName, float]


class SavedPost(NamedTuple):
    """All that the journal keeps of a tracked Post: enough to go on as if nothing had happened.

    ``measured_at``: ``None`` when it was never measured. ``gone``: it was deleted, protected or suspended
    then. ``values``: by board metric, without those not available. ``base`` and ``kept``: what growth is
    measured against. ``account``: the handle of the account whose token asks for it; ``not_owned``: the API
    said that it is of none of ours.
    """

    post_id: PostId
    campaigns: tuple[Campaign, ...]
    seen_at: Timestamp
    author: str | None = None
    text: str | None = None
    measured_at: Timestamp | None = None
    gone: bool = False
    values: Mapping[MetricName, float] = {}
    measured_28h_at: Timestamp | None = None
    base: Growing | None = None
    kept: Growing | None = None
    account: str | None = None
    not_owned: bool = False


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Stop tracking this Post and erase what is known of it. ``at``: when that was said, if it is known."""

    post_id: PostId
    at: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """A record that is none of ours, by its nature: a keep-alive, or a retweet where settings skip them."""

    reason: Literal["keep_alive", "retweet", "system", "compliance"]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that cannot be read. ``reason``: a short stable name; ``detail``: a sentence."""

    reason: str
    detail: str


Reading: TypeAlias = Sighting | Tombstone | Skip | Unreadable
"""What a record of an input topic turned out to be. Every record is exactly one of these."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one answer said about some Posts at one time.

    ``values`` has the shape (Posts, metrics) in the order of ``post_ids`` and of the metrics asked for, with
    ``NOT_AVAILABLE`` where the API gave no count. ``measured_at`` is the answer's ``Date``.
    """

    measured_at: Timestamp
    post_ids: IntArray
    values: IntArray


@dataclass(frozen=True, slots=True)
class Entry:
    """One place on a leaderboard. ``change``: places gained (+), ``None`` where no earlier one is known."""

    rank: int
    post_id: PostId
    value: float
    measured_at: Timestamp
    change: int | None
    author: str | None
    text: str | None

    @property
    def url(self) -> str:
        """A link that needs no author's name."""
        return post_url(self.post_id)


class Missing(NamedTuple):
    """Right Posts that boards probably lack: an expected number of places, and the standard error of that.

    Errors are of forecasts that all boards share, so that those of a sum are taken to add up. ``together``:
    how many places go with one Post, at the mean over missing places; at least 1. The more, the more the
    number is a matter of luck.
    """

    posts: float
    unsure: float
    together: float = 1.0

    def part(self, share: float) -> Missing:
        """That of a share of the Posts."""
        return Missing(self.posts * share, self.unsure * share, self.together)


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A merged Board as it is published: ranked from 1, value descending, then the older Post first."""

    campaign: Campaign
    metric: MetricName
    as_of: Timestamp
    tracked_posts: int
    entries: Sequence[Entry]
    audit: Audited | None = None
    """Of all full boards of the campaign."""

    @property
    def key(self) -> tuple[Campaign, MetricName]:
        """What names a leaderboard."""
        return self.campaign, self.metric


class PartialEntry(NamedTuple):
    """A Post on a board of one partition. A tuple, as thousands of them are made and kept."""

    post_id: PostId
    value: float
    measured_at: Timestamp
    author: str | None = None
    text: str | None = None

    @property
    def rank_key(self) -> tuple[float, PostId]:
        """What is sorted by: the negative value, then the Post ID. The older Post wins a tie."""
        return -self.value, self.post_id


class PartialKey(NamedTuple):
    """What names a partial."""

    campaign: Campaign
    metric: MetricName
    partition: int

    @property
    def board(self) -> tuple[Campaign, MetricName]:
        """The leaderboard that it is a part of."""
        return self.campaign, self.metric


@dataclass(frozen=True, slots=True)
class Partial:
    """The top of one ``sightings`` partition's board, as its owner tells the other workers.

    ``entries`` are best first: the N that a leaderboard shows, and the next one where the board keeps it.
    That is enough: each Post has one partition, so the top N of all are among the top N of the partitions.
    The one more stands right below a leaderboard: a planner can know the bar between the two.

    ``tracked_posts`` are those of the campaign in this partition, and ``missing`` is what the full boards of
    the campaign lack of them; ``None`` where that is not known. ``writer`` names the worker, so that it knows
    its own again.
    """

    key: PartialKey
    writer: str
    as_of: Timestamp
    tracked_posts: int
    entries: tuple[PartialEntry, ...]
    missing: Missing | None = None


@dataclass(frozen=True, slots=True)
class Standings:
    """The bars of the merged leaderboards: the value at the last place shown, of those that are full."""

    bars: Mapping[tuple[Campaign, MetricName], float]

    def bar(self, campaign: Campaign, metric: MetricName) -> float:
        """What a Post must pass to be shown; 0 where there are free places."""
        return self.bars.get((campaign, metric), 0.0)


@dataclass(frozen=True, slots=True)
class HandlesUsed:
    """The accounts asked for in a month (``2026-11``, UTC).

    ``limit``: the contract's number, where it is set. ``warning``: so many that somebody should know.
    """

    month: str
    handles: tuple[str, ...]
    limit: int | None
    warning: bool


def post_url(post_id: PostId) -> str:
    """A link to the Post that needs no author's name."""
    return f"https://twitter.com/lookup/status/{post_id}"
