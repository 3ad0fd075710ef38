"""What a run is judged by: its figures, and each failure with what exactly failed."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.chaos.asked import asked_early, most_in_a_minute
from benchmarks.chaos.faults import SESSION
from benchmarks.chaos.ownership import longest_unowned, without
from benchmarks.chaos.run import MIN_INTERVAL, SIGHTINGS_PARTITIONS
from benchmarks.chaos.samples import bytes_a_minute
from benchmarks.common import figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.chaos.checks import Findings
    from benchmarks.chaos.ownership import Span
    from benchmarks.chaos.run import Story

UNOWNED_MARGIN: Final = 10.0
"""Seconds beside the session timeout in which a partition must have an owner again: noticing, joining, and
restoring what it had."""

_SILENCING: Final = {"kill_worker", "freeze_worker", "cut_worker", "hang_worker"}

_WHOLE_SECONDS: Final = 1.0
"""Times of measurements are whole seconds: a Post may be due so much earlier."""


@dataclass(slots=True)
class Report:
    """Figures as they are printed, and what failed."""

    figures: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def tell(self, name: str, value: float, unit: str, **more: object) -> None:
        """Print a figure, and keep it."""
        figure(name, value, unit, **more)
        self.figures.append({"figure": name, "value": value, "unit": unit, **more})

    def close(self, logs: Path, path: Path | None) -> int:
        """The exit code. Failures are told, with the directory of the logs, which goes where there are none.

        ``path``: where all of it is written as one JSON document, if anywhere.
        """
        if path is not None:
            path.write_text(json.dumps({"figures": self.figures, "failures": self.failures}, indent=1) + "\n")
        if not self.failures:
            shutil.rmtree(logs)
            return 0
        for failure in self.failures:
            sys.stderr.write(f"FAILED: {failure}\n")
        sys.stderr.write(f"logs: {logs}\n")
        return 1


def judge(story: Story) -> Report:
    """Print the figures of a run, and find what failed."""
    report = Report()
    report.tell("ids", story.ids, "Posts", records=dict(story.records))
    report.tell("faults", story.faults.total(), "faults", **story.faults, skipped=story.skipped.total())
    tell_findings(story.quiet, report)
    _requests(story, report)
    _published(story, report)
    _owners(story, report)
    _processes(story, report)
    return report


def tell_findings(quiet: Sequence[Findings], report: Report) -> None:
    """What the quiet moments found."""
    lost, wrong = set[int](), 0
    for number, findings in enumerate(quiet, start=1):
        accounts, moment = findings.accounts, f"quiet moment {number}"
        lost |= {*accounts.lost, *accounts.twice, *accounts.undead}
        wrong += len(findings.wrong)
        for what, ids in (
            ("lost", accounts.lost),
            ("deleted and still tracked", accounts.undead),
            ("tracked and never produced", accounts.strangers),
            ("unreadable and no dead letter", accounts.lost_unreadable),
        ):
            if ids:
                report.failures.append(f"{moment}: {len(ids)} {what}: {list(ids)[:50]}")
        if accounts.twice:
            some = dict(list(accounts.twice.items())[:20])
            report.failures.append(f"{moment}: {len(accounts.twice)} tracked by several workers: {some}")
        for one in findings.wrong:
            report.failures.append(
                f"{moment}: the leaderboard {one.key[0]}/{one.key[1]} of {one.where} is wrong at place"
                f" {one.place}: expected {one.expected}, got {one.got}"
            )
        if not (findings.boards or findings.troubles):
            report.failures.append(f"{moment}: there was no leaderboard to compare")
        report.failures += [f"{moment}: {text}" for text in (*findings.wrong_values[:50], *findings.troubles)]
    report.tell("lost", len(lost), "Posts")
    report.tell("wrong_boards", wrong, "boards", compared=sum(findings.boards for findings in quiet))
    settled = max((findings.settled_in for findings in quiet), default=0.0)
    report.tell("longest_settling", settled, "s", quiet_moments=len(quiet))


def _requests(story: Story, report: Report) -> None:
    arrivals, limit = [request.at for request in story.requests], story.options.limit
    early = asked_early(story.requests, MIN_INTERVAL - _WHOLE_SECONDS)
    report.tell("requests", len(arrivals), "requests")
    report.tell("doubled_requests", early.requests, "requests", ids=early.post_ids)
    most = most_in_a_minute(arrivals)
    report.tell("most_requests_in_a_rolling_minute", most, "requests", limit=limit, let_in=story.let_in)
    if most > limit:
        report.failures.append(f"{most} requests in a rolling minute, and the contract has {limit}")


def _published(story: Story, report: Report) -> None:
    boards = story.boards
    if not boards.records:
        report.failures.append("nothing was read of the leaderboards")
    begins, ends = boards.longest_outage(story.active)
    report.tell("longest_outage", ends - begins, "s", during=_in_force(story, (begins, ends)))
    report.tell("backward_boards", len(boards.backward), "boards", records=boards.records)
    if boards.backward:
        report.failures.append(f"older boards came after newer ones: {boards.backward[:20]}")


def _owners(story: Story, report: Report) -> None:
    now = story.whole[1]
    lives = [one.life(now) for one in story.runs]
    excused = [
        *story.excused,
        *nobody_lives([(one.started_at, one.ended_at or now) for one in story.runs], story.whole),
    ]
    silenced = [begins for name, begins, _ in story.in_force if name.split()[0] in _SILENCING]
    worst = longest_unowned(lives, SIGHTINGS_PARTITIONS, story.whole, excused, silenced=silenced)
    limit = SESSION + UNOWNED_MARGIN
    during = _in_force(story, (worst.begins, worst.begins + worst.seconds))
    report.tell("longest_unowned", worst.seconds, "s", limit=limit, partition=worst.partition, during=during)
    late = longest_unowned(lives, SIGHTINGS_PARTITIONS, story.whole, excused, restored=True)
    during = _in_force(story, (late.begins, late.begins + late.seconds))
    report.tell("longest_unrestored", late.seconds, "s", partition=late.partition, during=during)
    if worst.seconds > limit:
        report.failures.append(
            f"partition {worst.partition} had no owner for {worst.seconds:.1f} s from {worst.begins:.3f} on"
        )


def _processes(story: Story, report: Report) -> None:
    longest = max(story.samples.values(), key=len, default=[])
    if longest:
        report.tell(
            "worker_memory_growth",
            bytes_a_minute(longest) / 1024,
            "KiB/minute",
            over=longest[-1].at - longest[0].at,
        )
        every = [one for samples in story.samples.values() for one in samples]
        report.tell("worker_memory_most", max(one.resident for one in every) / 2**20, "MiB")
        for what in ("descriptors", "threads"):
            peaks = {
                name: max(getattr(one, what) for one in samples) for name, samples in story.samples.items()
            }
            name, most = max(peaks.items(), key=lambda one: one[1])
            report.tell(f"worker_{what}_most", most, what, worker=name)
    report.tell("starts_without_brokers", story.failed_starts, "starts")
    report.tell("processes_left", len(story.left), "processes")
    report.failures += [*story.troubles, *(f"{one} is left" for one in story.left)]


def nobody_lives(lives: Sequence[Span], whole: Span, start: float = 10.0) -> list[Span]:
    """When no worker ran, and the first seconds of the one that came next."""
    return [(begins, ends + start) for begins, ends in without([whole], lives)]


def _in_force(story: Story, span: Span) -> list[str]:
    return [name for name, begins, ends in story.in_force if begins < span[1] and span[0] < ends]
