"""The campaigns of a record, gathered from the places that the rules allow."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from worker.formats.details import campaign_fields_of, hashtags_of, rule_tags_of
from worker.formats.names import campaign_name, fold_hashtag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.formats.parsing import Json
    from worker.formats.rules import ReadingRules
    from worker.model import Campaign

Headers: TypeAlias = "Sequence[tuple[str, bytes | None]]"
"""A record's headers, in order; a key may come again, and a value may be null."""

CAMPAIGN_HEADER: Final = "campaign"
_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 256
_LONGEST_MERGE: Final = 16


class CampaignMap:
    """Names to campaigns. Owns a bounded memory of the names it has seen: the same few come again."""

    def __init__(self, rules: ReadingRules) -> None:
        length = rules.campaign_length
        tags = {_tidy(tag): name for tag, name in rules.tag_campaigns.items()}
        hashtags = {fold_hashtag(tag): name for tag, name in rules.hashtag_campaigns.items()}
        topics = rules.topic_campaigns

        def of_tag(tag: str) -> Campaign | None:
            return _mapped(_tidy(tag), tags, length)

        def of_hashtag(tag: str) -> Campaign | None:
            return _mapped(fold_hashtag(tag), hashtags, length)

        def of_topic(topic: str) -> tuple[Campaign, ...]:
            campaign = _mapped(topic, topics, length) if "topic" in sources else None
            return () if campaign is None else (campaign,)

        sources = rules.campaigns_from
        self.of_topic: Callable[[str], tuple[Campaign, ...]] = lru_cache(_REMEMBERED)(of_topic)
        self._of_tag = _remembering(of_tag) if "rule_tags" in sources else None
        self._of_hashtag = _remembering(of_hashtag) if "hashtags" in sources else None
        self._of_name = _remembering(lambda name: campaign_name(name, length))
        self._fields = "fields" in sources
        self._header = "header" in sources
        self._max_campaigns = rules.max_campaigns
        self._merge: Callable[[tuple[Campaign | None, ...]], tuple[Campaign, ...]]
        self._merge = lru_cache(_REMEMBERED)(self._merge_many)

    def of(
        self, records: Iterable[Json], posts: Iterable[Json], headers: Headers, topic: str
    ) -> tuple[Campaign, ...]:
        """The campaigns of a record: normalised, sorted, without duplicates and without ``all``.

         ``records`` are the objects that carry rule tags and campaign fields, ``posts`` those that carry
        hashtags: of a retweet both Posts, since the original's hashtags are what people retweet under. A name
        that cannot be read, such as a header that is not UTF-8, gives no campaign and is no reason to lose
        the ID.
        """
        found: list[Campaign | None] = []
        for record in records:
            if self._of_tag is not None and (tags := rule_tags_of(record)):
                found += map(self._of_tag, tags)
            if self._fields and (names := campaign_fields_of(record)):
                found += map(self._of_name, names)
        if self._of_hashtag is not None:
            for post in posts:
                found += map(self._of_hashtag, hashtags_of(post))
        if headers and self._header:
            found += map(self._of_name, _header_names(headers))
        if not found:
            return self.of_topic(topic)
        found += self.of_topic(topic)
        merge = self._merge if len(found) <= _LONGEST_MERGE else self._merge_many
        return merge(tuple(found))

    def _merge_many(self, found: tuple[Campaign | None, ...]) -> tuple[Campaign, ...]:
        return tuple(sorted({name for name in found if name is not None})[: self._max_campaigns])


def _mapped(name: str, names: Mapping[str, str], length: int) -> Campaign | None:
    """The campaign for a name: what the map says, or where there is no map the name itself."""
    mapped = names.get(name) if names else name
    return campaign_name(mapped, length) if mapped is not None else None


def _remembering(function: Callable[[str], Campaign | None]) -> Callable[[str], Campaign | None]:
    """The function with a memory that is bounded in entries and in the size of each."""
    remembered = lru_cache(_REMEMBERED)(function)
    return lambda name: remembered(name) if len(name) <= _LONGEST_REMEMBERED else function(name)


def _tidy(tag: str) -> str:
    """A rule's tag as it is compared with the map's: how it was spaced and composed does not matter."""
    return " ".join(unicodedata.normalize("NFC", tag).split())


def _header_names(headers: Headers) -> list[str]:
    names: list[str] = []
    for key, value in headers:
        if key == CAMPAIGN_HEADER and value is not None:
            try:
                names.append(value.decode())
            except UnicodeDecodeError:
                continue
    return names
