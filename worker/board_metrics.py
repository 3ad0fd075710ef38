"""The metrics that boards are of, by their names: counts of the API, and what is derived from them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from worker.catalogue import (
    ENGAGEMENTS,
    IMPRESSIONS,
    PRIVATE_TOTALS,
    SERIES_METRICS,
    TOTALS_METRICS,
    Endpoint,
)
from worker.model import PER_HOUR, MetricName

if TYPE_CHECKING:
    from collections.abc import Iterable

LAST_28H: Final = "_28h"
"""What a metric's name ends in when it is of the last 28 hours."""

RATE: Final = MetricName("engagement_rate")


_CLOSE: Final = 0.75
"""How like a name another must be to have been meant."""

_NAMES: Final = (
    *TOTALS_METRICS,
    *(f"{metric}{PER_HOUR}" for metric in TOTALS_METRICS),
    RATE,
    *(f"{metric}{LAST_28H}" for metric in (RATE, *SERIES_METRICS)),
)


@dataclass(frozen=True, slots=True)
class BoardMetric:
    """A metric that boards are of.

    ``kind``: a ``count`` as the API gives it; its growth ``per_hour``; or the ``rate``, engagements a view.
    ``sources``: the API's metrics that it is made of: one, or of the rate engagements and impressions.
    """

    name: MetricName
    endpoint: Endpoint
    kind: Literal["count", "per_hour", "rate"]
    sources: tuple[MetricName, ...]

    @property
    def grows(self) -> bool:
        """Whether it is a count of all time, which only grows, but for the few that fall."""
        return self.kind == "count" and self.endpoint is Endpoint.TOTALS

    @property
    def is_private(self) -> bool:
        """Whether only the owner of a Post may know it."""
        return self.endpoint.needs_owner or any(source in PRIVATE_TOTALS for source in self.sources)


@lru_cache(1024)
def board_metric(name: MetricName) -> BoardMetric:
    """What a name stands for.

    Raises:
        ValueError: with what names there are, when it stands for nothing.
    """
    endpoint = Endpoint.LAST_28H if name.endswith(LAST_28H) else Endpoint.TOTALS
    plain = MetricName(name.removesuffix(LAST_28H))
    if plain == RATE:
        return BoardMetric(name, endpoint, "rate", (ENGAGEMENTS, IMPRESSIONS))
    if plain in endpoint.metrics:
        return BoardMetric(name, endpoint, "count", (plain,))
    counted = MetricName(name.removesuffix(PER_HOUR))
    if name.endswith(PER_HOUR) and counted in TOTALS_METRICS:
        return BoardMetric(name, Endpoint.TOTALS, "per_hour", (counted,))
    if close := difflib.get_close_matches(name, _NAMES, n=1, cutoff=_CLOSE):
        raise ValueError(f"did you mean {close[0]}?")
    raise ValueError(
        f"one of {', '.join(TOTALS_METRICS)}, each also with {PER_HOUR}; {RATE}; and of owned Posts, over "
        f"the last 28 hours, {RATE}{LAST_28H} and one of {', '.join(SERIES_METRICS)}, with {LAST_28H}"
    )


def sources_of(metrics: Iterable[MetricName], endpoint: Endpoint, *, owned: bool) -> tuple[MetricName, ...]:
    """The API's metrics to ask this endpoint for, so that these boards have what they are made of."""
    askable = endpoint.metrics_for(owned=owned)
    made_of = [board_metric(metric) for metric in metrics]
    return tuple(
        dict.fromkeys(
            source
            for metric in made_of
            if metric.endpoint is endpoint
            for source in metric.sources
            if source in askable
        )
    )
