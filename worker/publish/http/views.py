"""What the HTTP room asks of the others: small frozen answers that the runtime gives through callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from worker.model import Campaign, HandlesUsed, MetricName, PostId, Timestamp, post_url


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


HandlesLookup: TypeAlias = Callable[[], HandlesUsed]

PostLookup: TypeAlias = Callable[[PostId], PostView | Elsewhere | None]
"""``None``: the worker does not track the Post."""

HealthCheck: TypeAlias = Callable[[], Health]
