"""The settings of reading: what counts for which campaign, what is kept, and the limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Retweets: TypeAlias = Literal["original", "as_is", "skip"]
"""A retweet counts for the original Post, for itself, or not at all."""

CampaignSource: TypeAlias = Literal["rule_tags", "hashtags", "fields", "header", "topic"]
"""Where campaigns can come from."""

DEFAULT_SOURCES: Final[frozenset[CampaignSource]] = frozenset({"rule_tags", "fields", "header"})
_MAX_BYTES: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How records become Sightings. Raises ``ValueError`` that names every fault.

     ``id_path`` is a dotted path to the ID (``payload.tweet.id``, ``items.0.id``); it is looked at before the
    known shapes. A map that is not empty is also a list of what is wanted: a tag, hashtag or topic that it
    does not name gives no campaign. Hashtags in ``hashtag_campaigns`` are compared as ``names.fold_hashtag``
    does.
    """

    retweets: Retweets = "original"
    id_path: str | None = None
    campaigns_from: frozenset[CampaignSource] = DEFAULT_SOURCES
    tag_campaigns: Mapping[str, str] = field(default_factory=dict)
    hashtag_campaigns: Mapping[str, str] = field(default_factory=dict)
    topic_campaigns: Mapping[str, str] = field(default_factory=dict)
    campaign_length: int = 100
    """Characters of a campaign's name; what is longer is cut."""
    max_campaigns: int = 50
    """Campaigns one record can name; of more, the first in sorted order count."""
    keep_author: bool = True
    keep_text: bool = True
    text_length: int = 280
    """Characters of a Post's text; what is longer is cut."""
    max_bytes: int = _MAX_BYTES
    """Bytes of a record's value; what is larger is not parsed."""

    def __post_init__(self) -> None:
        if faults := list(self._faults()):
            raise ValueError("; ".join(faults))

    @property
    def id_steps(self) -> tuple[str, ...]:
        """The steps of ``id_path``; none where it is not set."""
        return tuple(self.id_path.split(".")) if self.id_path else ()

    def _faults(self) -> Iterator[str]:
        if self.retweets not in get_args(Retweets):
            yield f"retweets: {self.retweets!r} is none of {', '.join(get_args(Retweets))}"
        for source in sorted(self.campaigns_from - set(get_args(CampaignSource))):
            yield f"campaigns_from: {source!r} is none of {', '.join(get_args(CampaignSource))}"
        if self.id_path is not None and not all(step.strip() for step in self.id_path.split(".")):
            yield f"id_path: {self.id_path!r} has an empty step; right is a path such as payload.tweet.id"
        for name in ("campaign_length", "max_campaigns", "text_length", "max_bytes"):
            if getattr(self, name) < 1:
                yield f"{name}: {getattr(self, name)} is below 1"
