"""What a request told, as the report takes it and the journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.model import IntArray, MetricName, PostId, Timestamp


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the Posts of a request: each is in one of the five at most. About the rest: nothing.

    ``values`` has a row for each of ``post_ids`` and a column for each of ``metrics``.
    ``forbidden``: not of the account that asked. ``failed``: set aside, with the reason. ``why``: what
    befell the request, where it told nothing of some. ``trees``: the time series of each answer, nested as
    the API gave them.
    """

    at: Timestamp
    metrics: tuple[MetricName, ...]
    post_ids: IntArray
    values: IntArray
    unavailable: Sequence[PostId] = ()
    refused: Sequence[PostId] = ()
    forbidden: Sequence[PostId] = ()
    failed: Mapping[PostId, str] = field(default_factory=dict)
    why: str | None = None
    trees: Sequence[Mapping[str, object]] = ()

    @property
    def is_final(self) -> bool:
        """Whether the API told of any Post. Failing is no last word: such Posts may be asked for again."""
        return bool(len(self.post_ids) or self.unavailable or self.refused or self.forbidden)
