"""What a report is asked for: endpoint, metrics, period, and what is shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from worker.catalogue import PRIVATE_TOTALS, SERIES_METRICS, TOTALS_METRICS, Endpoint
from worker.engagement.query import DAYS, HOURS, METRIC, POST
from worker.model import PUBLIC_METRICS
from worker.report.dates import EVER, iso, parse_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from worker.engagement.query import Window
    from worker.model import MetricName, Timestamp

By: TypeAlias = Literal["campaign", "author"]

SERIES: Final = "series"
"""The name of the grouping that holds the time series."""


class Step(StrEnum):
    """How long a step of the time series is."""

    DAY = "day"
    HOUR = "hour"

    @property
    def axes(self) -> tuple[str, ...]:
        """The grouping to ask for: of each Post, so that who is in no campaign can be left out of its sum."""
        return (POST, METRIC, DAYS) if self is Step.DAY else (POST, METRIC, DAYS, HOURS)


class UsageError(Exception):
    """What was asked for cannot be had. The text says what would be right."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of the API. ``window`` is there for historical, and for nothing else."""

    endpoint: Endpoint
    metrics: tuple[MetricName, ...]
    step: Step | None = None
    window: Window | None = None

    @property
    def groupings(self) -> Mapping[str, tuple[str, ...]]:
        """What to ask for beside each Post's counts."""
        return {} if self.step is None else {SERIES: self.step.axes}

    def described(self) -> dict[str, object]:
        """The job in words, as a journal keeps it and a report shows it."""
        return {
            "endpoint": self.endpoint.value,
            "metrics": list(self.metrics),
            "group_by": None if self.step is None else self.step.value,
            "start": None if self.window is None else iso(self.window.start),
            "end": None if self.window is None else iso(self.window.end),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """The same as a person wrote it. Dates may count back from a now."""

    endpoint: Endpoint
    metrics: tuple[MetricName, ...]
    step: Step | None
    start: str | None
    end: str | None

    @classmethod
    def parse(
        cls,
        endpoint: str,
        metrics: Iterable[str],
        group_by: Iterable[str],
        start: str | None = None,
        end: str | None = None,
    ) -> Asked:
        """Read the options.

        Raises:
            UsageError: they do not go together, or say what is not there.
        """
        if endpoint not in list(Endpoint):
            raise UsageError(f"--endpoint {endpoint}: it is one of {', '.join(Endpoint)}")
        where = Endpoint(endpoint)
        if where is not Endpoint.HISTORICAL and (start is not None or end is not None):
            raise UsageError(
                f"--start and --end need --endpoint historical; {where.value} has its own period"
            )
        return cls(where, _metrics(where, metrics), _step(where, group_by), start, end)

    def at(self, now: Timestamp, earliest: Timestamp = EVER) -> Job:
        """The job as of a moment; ``earliest``: from when on historical has anything.

        Raises:
            UsageError: the dates cannot be read, or say no period.
        """
        if self.endpoint is not Endpoint.HISTORICAL:
            return Job(self.endpoint, self.metrics, self.step)
        try:
            window = parse_window(self.start, self.end, now, earliest)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return Job(self.endpoint, self.metrics, self.step, window)


def _metrics(endpoint: Endpoint, named: Iterable[str]) -> tuple[MetricName, ...]:
    names = list(dict.fromkeys(name.strip() for part in named for name in part.split(",") if name.strip()))
    if not names:
        return PUBLIC_METRICS if endpoint is Endpoint.TOTALS else endpoint.metrics
    if names == ["all"]:
        return endpoint.metrics
    known = {*TOTALS_METRICS, *SERIES_METRICS}
    for name in names:
        if name not in endpoint.metrics:
            why = f"{endpoint.value} does not have it" if name in known else "there is no such metric"
            raise UsageError(f"--metrics {name}: {why}; it has {', '.join(endpoint.metrics)}")
    return tuple(metric for metric in endpoint.metrics if metric in names)


def _step(endpoint: Endpoint, named: Iterable[str]) -> Step | None:
    parts = {part.strip() for text in named for part in text.split(",") if part.strip()}
    steps = {part.removeprefix("engagement.") for part in parts} - {POST, "type"}
    unknown = sorted(steps - set(Step))
    if unknown:
        raise UsageError(f"--group-by {', '.join(unknown)}: it is day or hour")
    if steps and endpoint is Endpoint.TOTALS:
        raise UsageError("--group-by needs --endpoint 28hr or historical: totals have no time series")
    if not steps:
        return None
    # Hours can be added up to days, and not the other way.
    return Step.HOUR if Step.HOUR in steps else Step.DAY


def needs_owner(job: Job) -> bool:
    """Whether a part of the job is answered only to the owners of the Posts."""
    return job.endpoint.needs_owner or any(metric in PRIVATE_TOTALS for metric in job.metrics)
