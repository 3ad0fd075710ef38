"""Making the requests of a plan: several at once, each once, each answer in the journal before it counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from worker.engagement.query import Query
from worker.report.gathering import NOT_ANSWERED, Gathering, Outcome
from worker.report.journal import Key
from worker.report.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.catalogue import Reach
    from worker.engagement.accounts import Account
    from worker.model import IntArray, PostId
    from worker.report.answered import Answered
    from worker.report.job import Job
    from worker.report.journal import Journal
    from worker.report.plan import Batch, Plan
    from worker.report.results import Results

GRACE: Final = 3.0
"""Seconds that requests under way are given when a person stops the report: they are paid for."""

_ROUNDS: Final = 2
"""Times that a Post is asked for of which an answer with others in it said nothing."""

_NOT_ITS_OWNER: Final = "not of the account whose token asked"


class Asking(Protocol):
    """Who asks the API."""

    async def ask(self, query: Query, post_ids: Sequence[PostId], account: Account | None) -> Answered:
        """What the API told of these Posts. Raises nothing for anything that the API or the network does."""

    def stopped(self, account: Account | None) -> str | None:
        """Why nothing more should be asked with this token, if so."""


class Measuring:
    """Measures the Posts of a job. ``advance`` is called once for each request of the plan that is over."""

    def __init__(
        self,
        job: Job,
        results: Results,
        journal: Journal,
        asking: Asking,
        *,
        in_flight: int,
        advance: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._job = job
        self._results = results
        self._journal = journal
        self._asking = asking
        self._in_flight = in_flight
        self._advance = advance

    async def measure(
        self, plan: Plan, owners: Mapping[Account, IntArray], reach: Reach, stop: asyncio.Event
    ) -> bool:
        """Ask for all Posts of the plan; whether it came to its end before ``stop`` was set.

        Posts that turn out not to be their supposed owner's are asked for again as unowned.
        """
        for reason, rows in plan.unsupported.items():
            self._results.unsupport(reason, rows)
        if not await self._ask_all(list(enumerate(plan.batches)), stop):
            return False
        if owners and not self._job.endpoint.needs_owner:
            self._replay_unowned()
            again = self._results.rows_in(Outcome.FORBIDDEN)
            rest = make_plan(self._results.posts, self._job, {}, reach, self._journal.at, rows=again)
            for reason, rows in rest.unsupported.items():
                self._results.unsupport(reason, rows)
            if not await self._ask_all([(-1, batch) for batch in rest.batches], stop):
                return False
        self._results.refuse_forbidden(_NOT_ITS_OWNER)
        return True

    async def _ask_all(self, batches: Sequence[tuple[int, Batch]], stop: asyncio.Event) -> bool:
        left = iter(batches)
        asking = [asyncio.create_task(self._ask_some(left, stop)) for _ in range(self._in_flight)]
        stopping = asyncio.create_task(stop.wait())
        all_asked = asyncio.gather(*asking)
        try:
            await asyncio.wait((all_asked, stopping), return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await asyncio.wait((all_asked,), timeout=GRACE)
            if not all_asked.done():
                return False
            await all_asked
            return next(left, None) is None and not stop.is_set()
        finally:
            for task in (*asking, stopping):
                task.cancel()
            # All of them are awaited, also who gathers: an exception that nobody took would be logged.
            await asyncio.gather(all_asked, *asking, stopping, return_exceptions=True)

    async def _ask_some(self, left: Iterator[tuple[int, Batch]], stop: asyncio.Event) -> None:
        for number, batch in left:
            await self._ask_batch(number, batch, stop)
            if stop.is_set():
                return

    async def _ask_batch(self, number: int, batch: Batch, stop: asyncio.Event) -> None:
        gathering = Gathering(self._results.posts.ids[batch.rows], batch.queries, self._results.metrics)
        for piece, query in enumerate(batch.queries):
            key = Key(number, piece)
            for answered in self._journal.told.get(key, ()) if number >= 0 else ():
                self._tell(gathering, piece, answered)
            for _ in range(_ROUNDS):
                left = gathering.open(piece)
                if not left or self._asking.stopped(batch.account) is not None:
                    break
                if stop.is_set():
                    return
                answered = await self._asking.ask(query, left, batch.account)
                gathering.add(piece, answered)
                if not answered.is_final:
                    break
                self._journal.add(key, answered)
                self._results.told_at(answered.at)
            self._advance(1)
        self._take(batch.rows, gathering, batch.account)

    def _replay_unowned(self) -> None:
        """What was told before of Posts that are asked for a second time, as unowned."""
        forbidden = self._results.rows_in(Outcome.FORBIDDEN)
        ids = self._results.posts.ids
        for answered in self._journal.told.get(Key(-1, 0), ()):
            named = [*answered.post_ids.tolist(), *answered.unavailable, *answered.refused]
            rows = np.intersect1d(self._results.posts.rows_of(named), forbidden)
            query = Query(self._job.endpoint, answered.metrics)
            gathering = Gathering(ids[rows], (query,), self._results.metrics)
            self._tell(gathering, 0, answered)
            self._take(rows, gathering, None)

    def _tell(self, gathering: Gathering, piece: int, answered: Answered) -> None:
        gathering.add(piece, answered)
        self._results.told_at(answered.at)

    def _take(self, rows: IntArray, gathering: Gathering, account: Account | None) -> None:
        why_not = self._asking.stopped(account) or gathering.why or NOT_ANSWERED
        self._results.take(rows, gathering, why_not)
