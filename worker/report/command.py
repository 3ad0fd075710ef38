"""What ``top-tweets report`` does with its options: explain, or measure, show progress and sum up."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import structlog

from worker.clock import SystemClock, at_pace
from worker.interpreter import calm_the_collector
from worker.reading import reading_rules
from worker.report.console import complain, tell
from worker.report.document import MEANINGS
from worker.report.job import Asked, UsageError
from worker.report.outputs import FORMATS
from worker.report.posts import Inbox, find_files, read_all
from worker.report.progress import at_most, counted, shown_progress, while_it_takes
from worker.report.run import Options, prepare, run_report
from worker.signals import stop_on_signals
from worker.starting import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from structlog.typing import EventDict

    from worker.model import Clock
    from worker.report.document import Document
    from worker.report.job import By
    from worker.report.posts import Posts
    from worker.report.run import Prepared
    from worker.settings import Settings

DONE: Final = 0
FAILED: Final = 3
_COMPLAINTS_SHOWN: Final = 20
_REASONS_SHOWN: Final = 5
_ANSWERS_OF_BEFORE: Final = (
    "report: --save-answers keeps the answers of this run; those of before, if they were not saved then, "
    "cannot be had again"
)
_KINDS: Final = ("campaign", "author")


@dataclass(frozen=True, slots=True)
class Command:
    """A call of the command, its options read."""

    inputs: Sequence[str]
    options: Options

    @classmethod
    def parse(
        cls,
        inputs: Sequence[str],
        *,
        endpoint: str,
        start: str | None,
        end: str | None,
        metrics: Sequence[str],
        group_by: Sequence[str],
        by: Sequence[str],
        formats: str,
        **others: Any,  # noqa: ANN401 -- options that need no reading
    ) -> Command:
        """Read the options.

        Raises:
            UsageError: one is wrong, or some do not go together.
        """
        asked = Asked.parse(endpoint, metrics, group_by, start, end)
        if not 0 < others["share"] <= 1:
            raise UsageError(f"--quota-share {others['share']:g}: it is above 0 and at most 1")
        if others["top"] < 0:
            raise UsageError(f"--top {others['top']}: it is 0 or more")
        wanted = _words("--format", [formats], FORMATS)
        if not wanted:
            raise UsageError(f"--format {formats!r}: it is one or more of {', '.join(FORMATS)}")
        kinds = cast("Sequence[By]", _words("--by", by, _KINDS))
        return cls(inputs, Options(asked=asked, formats=wanted, by=kinds, **others))

    def explain(self, settings: Settings) -> int:
        """Say which requests are needed, and ask nothing."""
        posts = self._read(settings)
        prepared = prepare(self.options, posts, settings, _clock_of(settings).now())
        job, plan = prepared.job.described(), prepared.plan
        tell(f"endpoint        {job['endpoint']}: {', '.join(prepared.job.metrics)}")
        if prepared.job.window is not None:
            pieces = len(list(prepared.job.window.split()))
            asked = "" if plan.pieces == pieces else f"; {plan.pieces:,} of them asked for"
            told = f"{counted(pieces, 'piece')} of 4 weeks at most{asked}"
            tell(f"window          {job['start']} to {job['end']}, in {told}")
        if prepared.job.step is not None:
            tell(f"time series     by {job['group_by']}")
        for account, requests in _by_account(prepared).items():
            told = "bearer token of the app" if account is None else f"OAuth 1.0a token of {account}"
            tell(f"authentication  {told}: {counted(requests, 'request')}")
        tell(f"Posts           {len(posts):,} ({posts.given:,} given)")
        for reason, rows in plan.unsupported.items():
            tell(f"not asked for   {counted(len(rows), 'Post')}: {reason}")
        tell(f"requests        {plan.requests:,}")
        tell(f"time            {while_it_takes(prepared.minutes)} at {at_most(prepared.limit)}")
        return DONE

    def run(self, settings: Settings) -> int:
        """Measure, write the results and sum up; returns the exit code."""
        calm_the_collector(collect=False)
        posts = self._read(settings)
        with _quiet_logs():
            document = asyncio.run(self._measure(posts, settings))
        if document is None:
            complain(
                f"report: interrupted; what was measured is kept in {self.options.out}. "
                "The same command with --resume goes on, and asks for nothing twice."
            )
            return INTERRUPTED
        for line in _summary(document):
            tell(line)
        tell(f"results in {self.options.out}")
        if document["posts"]["failed"]:
            again = "the same command with --resume asks again for those that failed"
            first = "the API refuses everything: mend that first; then " if document["stopped"] else ""
            complain(f"report: {first}{again}")
        failed = document["posts"]["failed"] or document["lines"]["unreadable"]
        return FAILED if failed else DONE

    async def _measure(self, posts: Posts, settings: Settings) -> Document | None:
        before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
        stop = stop_on_signals()
        try:
            with shown_progress() as show:

                def started(prepared: Prepared, before: int) -> Callable[[int], object]:
                    if before and self.options.save_answers:
                        complain(_ANSWERS_OF_BEFORE)
                    return show(prepared, before)

                return await run_report(
                    self.options, posts, settings, clock=_clock_of(settings), stop=stop, started=started
                )
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _read(self, settings: Settings) -> Posts:
        """The Posts of all inputs; what cannot be read is told with its place."""
        rules = replace(reading_rules(settings.intake), keep_author=True, keep_text=False)
        inbox = Inbox(_clock_of(settings).now(), rules)
        posts = read_all(list(find_files(self.inputs, leave_out=self.options.out)), inbox)
        for place in posts.unreadable[:_COMPLAINTS_SHOWN]:
            complain(place)
        if posts.unreadable_count > _COMPLAINTS_SHOWN:
            complain(f"(of {posts.unreadable_count:,} places that cannot be read the report has more)")
        if not len(posts):
            raise UsageError(f"there is no Post ID in {', '.join(self.inputs)}")
        return posts


def _clock_of(settings: Settings) -> Clock:
    return at_pace(settings.clock.pace, SystemClock())


def _summary(document: Document) -> list[str]:
    """What became of every ID, and the totals."""
    posts = document["posts"]
    duplicates = posts["given"] - posts["distinct"]
    lines = [f"{posts['given']:>12,}  IDs given, {duplicates:,} of them again: {posts['distinct']:,} Posts"]
    for name, meaning in MEANINGS.items():
        lines.append(f"{posts[name]:>12,}  {name}: {meaning}")
        reasons = document["reasons"].get(name, {})
        lines += (f"{count:>16,}  {reason}" for reason, count in islice(reasons.items(), _REASONS_SHOWN))
        if len(reasons) > _REASONS_SHOWN:
            lines.append(f"{'':>16}  and {counted(len(reasons) - _REASONS_SHOWN, 'other reason')}")
    if document["lines"]["unreadable"]:
        lines.append(f"{document['lines']['unreadable']:>12,}  places could not be read")
    if accounts := document["accounts"]:
        one = len(accounts) == 1
        told = "account asked for, which counts" if one else "accounts asked for, which count"
        lines.append(f"{len(accounts):>12,}  {told} for the contract's handles")
    for metric, total in document["totals"].items():
        value = "n/a" if total["value"] is None else f"{total['value']:,}"
        lines.append(f"{value:>12}  {metric} of {total['posts']:,} Posts")
    if document["engagement_rate"] is not None:
        lines.append(f"{document['engagement_rate']:>12.2%}  engagement rate")
    return lines


def _by_account(prepared: Prepared) -> dict[str | None, int]:
    requests: dict[str | None, int] = {}
    for batch in prepared.plan.batches:
        handle = None if batch.account is None else batch.account.handle
        requests[handle] = requests.get(handle, 0) + len(batch.queries)
    return requests


def _words(option: str, named: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for text in named for word in text.split(",") if word.strip()))
    for word in words:
        if word not in known:
            raise UsageError(f"{option} {word}: it is one of {', '.join(known)}")
    return words


def _drop_refusals(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What the API refuses all for, the summary says: the event is of who goes on and tries again."""
    if event["event"] == "api_refuses":
        raise structlog.DropEvent
    return event


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """The client's events go to standard error, where they say what the summary does not."""
    before = structlog.get_config()
    structlog.configure(
        processors=[_drop_refusals, *before["processors"]],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", complain)),
    )
    try:
        yield
    finally:
        structlog.configure(**before)
