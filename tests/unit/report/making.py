"""Posts, jobs and an API in memory, for tests of the report."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.catalogue import Endpoint, Reach
from worker.engagement.accounts import Account
from worker.model import NOT_AVAILABLE, PUBLIC_METRICS, MetricName, PostId, Timestamp, first_post_id
from worker.report.answered import Answered
from worker.report.dates import iso
from worker.report.document import Shown, make_document
from worker.report.job import SERIES, Asked, Job
from worker.report.journal import Identity, Journal
from worker.report.measuring import Measuring
from worker.report.plan import make_plan
from worker.report.posts import Posts
from worker.report.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from worker.engagement.query import Query
    from worker.model import IntArray
    from worker.report.document import Document
    from worker.report.job import By

NOW: Final = Timestamp(1_760_011_200.0)
"""9 October 2025, 12:00 UTC."""
ANNA: Final = Account("anna", "77", "token", "secret")
TOTALS: Final = Job(Endpoint.TOTALS, PUBLIC_METRICS)
ASKED: Final = Asked(Endpoint.TOTALS, PUBLIC_METRICS, None, None, None)
DAY: Final = 86_400.0


def ids(count: int, *, days_old: float = 1.0) -> list[PostId]:
    """IDs of Posts that were made so many days before now."""
    first = first_post_id(Timestamp(NOW - days_old * DAY))
    return [PostId(first + number) for number in range(count)]


def posts(post_ids: Iterable[int], **named: Mapping[str, Sequence[int]]) -> Posts:
    """These Posts; ``campaigns={"spring": [...]}`` says which are in it."""
    every = np.array(list(post_ids), dtype=np.int64)
    distinct = np.unique(every)

    def rows(of: Mapping[str, Sequence[int]]) -> dict[str, IntArray]:
        return {name: np.searchsorted(distinct, sorted(set(listed))) for name, listed in of.items()}

    return Posts(
        distinct,
        campaigns=rows(named.get("campaigns", {})),
        authors=rows(named.get("authors", {})),
        given=len(every),
    )


def count_of(post_id: int, metric: str) -> int:
    """What the API counts in tests: many ties, and never 0."""
    return post_id % 7 + len(metric)


@dataclass
class FakeApi:
    """Answers from memory. ``gone``, ``secret`` and ``broken`` Posts fare as their names say.

    ``silent``: how many answers say nothing of a Post. ``stops_after``: sets the event at so many requests.
    """

    gone: frozenset[int] = frozenset()
    secret: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()
    foreign: frozenset[int] = frozenset()
    silent: dict[int, int] = field(default_factory=dict)
    stops_after: tuple[int, Callable[[], object]] | None = None
    sent: list[tuple[Query, tuple[int, ...], str | None]] = field(default_factory=list)
    refusing: str | None = None

    async def ask(self, query: Query, post_ids: Sequence[PostId], account: Account | None) -> Answered:
        self.sent.append((query, tuple(post_ids), account.handle if account else None))
        if self.stops_after is not None and len(self.sent) == self.stops_after[0]:
            self.stops_after[1]()
        await asyncio.sleep(0)
        left = [post_id for post_id in post_ids if not self.silent.get(post_id)]
        for post_id in set(post_ids).difference(left):
            self.silent[post_id] -= 1
        forbidden = [one for one in left if account and one in self.foreign]
        taken = {*self.gone, *self.secret, *self.broken, *forbidden}
        told = [post_id for post_id in left if post_id not in taken]
        values = [[count_of(post_id, metric) for metric in query.metrics] for post_id in told]
        return Answered(
            NOW,
            query.metrics,
            np.array(told, dtype=np.int64),
            np.array(values, dtype=np.int64).reshape(len(told), len(query.metrics)),
            unavailable=[one for one in left if one in self.gone],
            refused=[one for one in left if one in self.secret and one not in forbidden],
            forbidden=forbidden,
            failed={one: "every request with it failed" for one in left if one in self.broken},
            trees=[self.series(query, told)] if query.groupings else (),
        )

    def stopped(self, account: Account | None) -> str | None:  # noqa: ARG002 -- as the protocol has it
        return self.refusing

    def series(self, query: Query, told: Sequence[int]) -> dict[str, object]:
        days = {"2025-10-08": "1", "2025-10-09": "2"}
        if query.window is not None:
            days = {iso(query.window.start)[:10]: "3"}
        return {SERIES: {str(post_id): dict.fromkeys(query.metrics, days) for post_id in told}}

    @property
    def times_asked(self) -> Counter[int]:
        return Counter(post_id for _, asked, _ in self.sent for post_id in asked)


def measure(
    api: FakeApi,
    of: Posts,
    folder: Path,
    *,
    job: Job = TOTALS,
    asked: Asked = ASKED,
    owners: Mapping[Account, IntArray] | None = None,
    resume: bool = False,
    by: Sequence[By] = (),
    in_flight: int = 3,
    interrupt_at: int | None = None,
) -> Results | None:
    """Measure the Posts with a journal in this folder; ``None`` when it was interrupted."""

    async def work() -> Results | None:
        stop = asyncio.Event()
        api.stops_after = None if interrupt_at is None else (len(api.sent) + interrupt_at, stop.set)
        journal = Journal.open(folder, Identity.of(asked, of, owners or {}), NOW, resume=resume)
        try:
            results = Results(of, job.metrics, by)
            plan = make_plan(of, job, owners or {}, Reach(), journal.at)
            measuring = Measuring(job, results, journal, api, in_flight=in_flight)
            whole = await measuring.measure(plan, owners or {}, Reach(), stop)
        finally:
            journal.close()
        return results if whole else None

    folder.mkdir(exist_ok=True)
    return asyncio.run(work())


def document_of(results: Results, *, job: Job = TOTALS, top: int = 3, by: Sequence[By] = ()) -> Document:
    return make_document(job, Shown("Spring", top, by), results, NOW)


def given_results(values: Mapping[int, Sequence[int | None]], metrics: Sequence[str]) -> Results:
    """Results of Posts that were all measured with these values."""
    of = posts(values)
    results = Results(of, [MetricName(metric) for metric in metrics])
    for row, post_id in enumerate(of.ids.tolist()):
        listed = [NOT_AVAILABLE if value is None else value for value in values[post_id]]
        results.values[row] = listed
        results.outcomes[row] = 1
    return results
