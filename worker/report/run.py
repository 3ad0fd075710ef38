"""A report from its options to its files."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.report.asking import accounts_of, connected, earliest_of, limit_of, reach_of
from worker.report.document import Shown, make_document
from worker.report.job import UsageError, needs_owner
from worker.report.journal import Identity, Journal
from worker.report.measuring import Measuring
from worker.report.outputs import write_outputs
from worker.report.plan import make_plan
from worker.report.results import Results

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from worker.engagement import Account, Accounts, Limit
    from worker.model import Clock, IntArray, Timestamp
    from worker.report.document import Document
    from worker.report.job import Asked, By, Job
    from worker.report.plan import Plan
    from worker.report.posts import Posts
    from worker.settings import Settings

ANSWERS: Final = "answers"


@dataclass(frozen=True, slots=True)
class Options:
    """What a report is asked for beside its Posts."""

    asked: Asked
    name: str
    out: Path
    formats: Sequence[str] = ("csv", "json", "html")
    top: int = 10
    by: Sequence[By] = ()
    account: str | None = None
    share: float = 1.0
    append: bool = False
    resume: bool = False
    save_answers: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report that is ready to be asked for. ``limit``: the requests that it may make."""

    job: Job
    plan: Plan
    owners: Mapping[Account, IntArray]
    limit: Limit

    @property
    def minutes(self) -> float:
        """How long the requests take at the quota."""
        return self.plan.requests / self.limit.rate


def prepare(options: Options, posts: Posts, settings: Settings, now: Timestamp) -> Prepared:
    """Which requests are needed. Asks nothing.

    Raises:
        UsageError: the dates say no period, there is no such account, or the share leaves nothing.
    """
    job = options.asked.at(now, earliest_of(settings, now))
    owners = _owners(posts, job, accounts_of(settings), options.account)
    plan = make_plan(posts, job, owners, reach_of(settings), now)
    return Prepared(job, plan, owners, limit_of(settings.engagement, options.share))


async def run_report(
    options: Options,
    posts: Posts,
    settings: Settings,
    *,
    clock: Clock,
    stop: asyncio.Event,
    started: Callable[[Prepared, int], Callable[[int], object]],
) -> Document | None:
    """Measure the Posts and write the report; ``None`` when ``stop`` was set before all were asked for.

    ``started`` is told what will be asked, and how many requests are in the journal already; what it returns
    is called with each request that is over.

    Raises:
        UsageError: the job cannot be done as it was asked for.
        OSError: the folder cannot be written to.
    """
    owners = prepare(options, posts, settings, clock.now()).owners
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"--out {options.out}: the folder cannot be made: {why}") from None
    identity = Identity.of(options.asked, posts, owners)
    journal = Journal.open(options.out, identity, clock.now(), resume=options.resume)
    async with AsyncExitStack() as stack:
        stack.callback(journal.close)
        prepared = prepare(options, posts, settings, journal.at)
        results = Results(posts, prepared.job.metrics, options.by)
        on_answer = AnswersFolder(options.out / ANSWERS).add if options.save_answers else None
        asking = await stack.enter_async_context(
            connected(settings, clock, share=options.share, on_answer=on_answer)
        )
        measuring = Measuring(
            prepared.job,
            results,
            journal,
            asking,
            in_flight=settings.engagement.in_flight,
            advance=started(prepared, len(journal.told)),
        )
        if not await measuring.measure(prepared.plan, prepared.owners, reach_of(settings), stop):
            return None
        used = {batch.account for batch in prepared.plan.batches}
        stopped = {reason for account in used if (reason := asking.stopped(account)) is not None}
    shown = Shown(options.name, options.top, options.by)
    document = make_document(prepared.job, shown, results, clock.now())
    document["accounts"] = sorted(account.handle for account in used if account is not None)
    document["stopped"] = sorted(stopped)
    write_outputs(document, options.out, options.formats, append=options.append)
    return document


class AnswersFolder:
    """The API's answers as they came, each in a file of its own, numbered on from those that are there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._last = max((int(name[:-5]) for name in os.listdir(folder) if name[:-5].isdigit()), default=0)  # noqa: PTH208 -- names

    def add(self, body: bytes) -> None:
        """Keep an answer."""
        self._last += 1
        (self._folder / f"{self._last:06}.json").write_bytes(body)


def _owners(posts: Posts, job: Job, accounts: Accounts, named: str | None) -> dict[Account, IntArray]:
    """The rows of the Posts of each account. Posts of unknown authors are those of the account named.

    Without a name they are of the only account there is.
    """
    if not needs_owner(job):
        return {}
    owners: dict[Account, list[IntArray]] = {}
    taken = np.zeros(len(posts), dtype=bool)
    known = np.zeros(len(posts), dtype=bool)
    for author, rows in posts.authors.items():
        account = accounts.of(author)
        known[rows] = True
        if account is not None:
            owners.setdefault(account, []).append(rows[~taken[rows]])
            taken[rows] = True
    default = accounts.of(named) if named else next(iter(accounts), None) if len(accounts) == 1 else None
    if named and default is None:
        raise UsageError(f"--account {named}: no such account is set up")
    if default is not None:
        owners.setdefault(default, []).append(np.flatnonzero(~known))
    joined = {account: np.sort(np.concatenate(rows)) for account, rows in owners.items()}
    return {account: rows for account, rows in joined.items() if len(rows)}
