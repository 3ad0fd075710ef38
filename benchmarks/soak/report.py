"""What a soak is judged by: whether memory, descriptors or threads grow once all that has a limit is full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.chaos.report import Report
from benchmarks.soak.fit import Slope, rise, slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.soak.run import Options, Story

MEMORY_BOUND: Final = 20.0
"""KiB a minute."""
MOST_MORE: Final = 3.0
"""Descriptors or threads: as many more are no growth. Connections to brokers come and go as they are used."""
WARM_UP: Final = 0.25
"""Share of the run before which all is still filling up."""
PROVES: Final = 10.0
"""Minutes: what is taken once, for the first of everything, is a slope in a shorter run."""

_KIB: Final = 1024
_MIB: Final = 1024 * 1024


def judge(story: Story, options: Options) -> Report:
    """Print the figures of a run, and find what failed."""
    report = Report()
    report.tell("records", story.records.total(), "records", **story.records)
    report.tell("calls", story.calls.total(), "HTTP requests", **story.calls)
    report.tell("answers", sum(story.asked.values()), "answers of the API", **story.asked)
    report.tell("warnings", story.warnings.total(), "lines of the workers' logs", events=dict(story.warnings))
    report.failures += story.troubles
    if not story.samples:
        report.failures.append("no worker was ever looked at")
    for worker, samples in story.samples.items():
        _judge_worker(worker, story, report, options.minutes * 60 * WARM_UP, len(samples))
    return report


def _judge_worker(worker: str, story: Story, report: Report, warm_up: float, count: int) -> None:
    samples = story.samples[worker]
    begins = next((n for n in range(count) if samples[n].at >= samples[0].at + warm_up), count)
    minutes = [one.at / 60 - samples[0].at / 60 for one in samples[begins:]]
    memory = [one.resident / _KIB for one in samples[begins:]]
    if not memory:
        report.failures.append(f"{worker}: nothing was looked at after the warm-up")
        return
    line = slope(minutes, memory)
    same: dict[str, Any] = {"worker": worker, "over_minutes": round(minutes[-1] - minutes[0], 2)}
    report.tell(
        "memory_slope",
        line.value,
        "KiB/minute",
        error=_short(line),
        bound=MEMORY_BOUND,
        shown_below=line.is_below(MEMORY_BOUND),
        samples=len(memory),
        **same,
    )
    report.tell(
        "memory", memory[-1] * _KIB / _MIB, "MiB", **_range([one * _KIB / _MIB for one in memory]), **same
    )
    if line.is_above(MEMORY_BOUND) and minutes[-1] - minutes[0] >= PROVES * (1 - WARM_UP):
        report.failures.append(f"{worker}: memory grows by {line.value:.1f} ± {line.error:.1f} KiB a minute")
    http = story.held[worker]["toptweets_http_connections"][begins:]
    descriptors = [one.descriptors - open_now for one, open_now in zip(samples[begins:], http, strict=True)]
    threads = [float(one.threads) for one in samples[begins:]]
    for what, values in (("descriptors", descriptors), ("threads", threads)):
        line, more = slope(minutes, values), rise(values)
        told = {"rise": more, "slope": round(line.value, 4), "error": _short(line), **_range(values)}
        report.tell(what, values[-1], what, **told, **same)
        if more > MOST_MORE and line.is_above(0):
            report.failures.append(f"{worker}: {what} grow: {more:g} more, {line.value:.2f} a minute")
    for name, held in story.held[worker].items():
        line = slope(minutes, held[begins:])
        report.tell(
            name.removeprefix("toptweets_"),
            held[-1],
            "held",
            slope=round(line.value, 3),
            error=_short(line),
            **_range(held[begins:]),
            **same,
        )


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"first": round(values[0], 1), "least": round(min(values), 1), "most": round(max(values), 1)}


def _short(line: Slope) -> float:
    return round(line.error, 4)
