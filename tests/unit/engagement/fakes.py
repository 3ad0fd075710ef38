"""A virtual event loop, an API that answers as told, and a client between them, checked at each step."""

from __future__ import annotations

import asyncio
import selectors
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import orjson
import stamina
from prometheus_client import CollectorRegistry

from worker.catalogue import PRIVATE_TOTALS, Endpoint, Reach
from worker.clock import at_pace
from worker.engagement import (
    Access,
    Allowance,
    AppSigner,
    Asker,
    Circuit,
    EngagementError,
    FixedToken,
    Limit,
    Query,
    Quota,
    Reply,
    Requester,
    RetryPolicy,
    Slots,
)
from worker.model import (
    PUBLIC_METRICS,
    REAL_TIME,
    MetricName,
    Pace,
    PostId,
    Seconds,
    Timestamp,
    first_post_id,
)
from worker.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from worker.engagement import Credentials, Outcome, Transport

NOON: Final = 1_760_011_200.0
"""9 October 2025, 12:00 UTC: when every test begins."""
NOON_DATE: Final = "Thu, 09 Oct 2025 12:00:00 GMT"
TOKEN: Final = "canary-token"
OUTCOMES: Final = ("measured", "unavailable", "refused", "forbidden", "failed", "asked_again")

Result = TypeVar("Result")


class _Timers(selectors.SelectSelector):
    """Never waits: the time that the loop wants to wait has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and no timer will ever end it")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time jumps to the next timer when nothing is left to do; a loop in which all wait for ever fails."""

    def __init__(self) -> None:
        self._timers = _Timers()
        super().__init__(self._timers)

    def time(self) -> float:
        """Seconds since the test began."""
        return self._timers.now


def run_virtual(work: Coroutine[Any, Any, Result]) -> Result:
    """``asyncio.run``, in virtual time."""
    stamina.instrumentation.set_on_retry_hooks([])
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class LoopClock:
    """The clock of the loop that runs."""

    def now(self) -> Timestamp:
        return Timestamp(NOON + asyncio.get_running_loop().time())

    def monotonic(self) -> Seconds:
        return Seconds(asyncio.get_running_loop().time())


@dataclass
class SetClock:
    """A clock that stands until it is set."""

    at: float = 0.0

    def now(self) -> Timestamp:
        return Timestamp(NOON + self.at)

    def monotonic(self) -> Seconds:
        return Seconds(self.at)


@dataclass(frozen=True)
class Sent:
    """A request as the API sees it."""

    at: float
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def post_ids(self) -> list[PostId]:
        return [PostId(int(text)) for text in orjson.loads(self.body)["tweet_ids"]]

    @property
    def metrics(self) -> list[str]:
        return [str(name) for name in orjson.loads(self.body)["engagement_types"]]

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")


Answering: TypeAlias = "Reply | Exception | Callable[[Sent], Reply | Exception]"


@dataclass
class FakeApi:
    """Answers with what it is told, in turn; then as an API where all is well. ``latency`` in seconds."""

    answers: list[Answering] = field(default_factory=list)
    otherwise: Answering | None = None
    latency: float = 0.1
    sent: list[Sent] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    closed: bool = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        sent = Sent(asyncio.get_running_loop().time(), url, dict(headers), body)
        self.sent.append(sent)
        answer = self.answers.pop(0) if self.answers else (self.otherwise or counted)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.under_way -= 1
        told = answer(sent) if callable(answer) else answer
        if isinstance(told, Exception):
            raise told
        return told

    async def close(self) -> None:
        self.closed = True


def reply(status: int, body: object, **headers: str) -> Reply:
    """An answer; ``body`` as JSON, unless it is bytes. ``retry_after="1"`` is the header ``retry-after``."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, content)


def errors(status: int, *texts: str, **headers: str) -> Reply:
    return reply(status, {"errors": list(texts)}, **headers)


_ORDER: Final = (*PUBLIC_METRICS, *PRIVATE_TOTALS)


def count_of(post_id: int, metric: str) -> int:
    """What the API counts in tests."""
    return post_id % 1000 * 10 + _ORDER.index(MetricName(metric))


def counts_of(post_ids: Iterable[int], metrics: Sequence[str] = PUBLIC_METRICS) -> dict[str, dict[str, str]]:
    """The grouping ``by_post``, as the API writes it."""
    return {
        str(post_id): {metric: str(count_of(post_id, metric)) for metric in metrics} for post_id in post_ids
    }


def counted(sent: Sent, *, without: Sequence[int] = (), **beside: object) -> Reply:
    """The right answer; ``without`` these Posts, and with more keys beside the counts."""
    told = [post_id for post_id in sent.post_ids if post_id not in without]
    return reply(200, {"by_post": counts_of(told, sent.metrics), **beside})


@dataclass
class Bench:
    """A client between a fake API and its accounts."""

    asker: Asker
    query: Query
    api: FakeApi
    quota: Quota
    circuit: Circuit
    telemetry: Telemetry

    async def ask(self, post_ids: Sequence[int]) -> Outcome:
        """Ask, and check that each Post is accounted for exactly once, here and in the counters."""
        asked = [PostId(post_id) for post_id in post_ids]
        permit = await self.quota.take()
        outcome = await self.asker.ask(self.query, asked, None, permit)
        assert sorted(accounted(outcome)) == sorted(asked)
        assert set(outcome.silent) <= set(outcome.again)
        self.check_counters()
        return outcome

    def check_counters(self) -> None:
        """The IDs asked for are those answered, by outcome, and those in flight."""
        answered = sum(self.answered(outcome) for outcome in OUTCOMES)
        assert self.value("toptweets_ids_asked_total") == answered + self.value("toptweets_ids_in_flight")

    def answered(self, outcome: str) -> float:
        return self.value("toptweets_ids_answered_total", outcome=outcome)

    def requests(self, status: str) -> float:
        return self.value("toptweets_requests_total", endpoint="totals", status=status)

    def value(self, name: str, **labels: str) -> float:
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0


def accounted(outcome: Outcome) -> list[int]:
    """All Posts of an outcome; one that is there twice is in two of its parts."""
    measured = [post_id for counts in outcome.counts for post_id in counts.post_ids.tolist()]
    return [
        *measured,
        *outcome.unavailable,
        *outcome.refused,
        *outcome.forbidden,
        *outcome.failed,
        *outcome.again,
    ]


def bench(
    *answers: Answering,
    otherwise: Answering | None = None,
    credentials: Callable[[Transport], Credentials] = lambda _: FixedToken(TOKEN),
    metrics: Sequence[MetricName] = PUBLIC_METRICS,
    limit: float = 60_000,
    attempts: int = 4,
    latency: float = 0.1,
    slots: bool = False,
    pace: Pace = REAL_TIME,
) -> Bench:
    """To be made in the loop that runs it. ``slots``: the quota has them, of one worker that owns all."""
    clock = at_pace(pace, LoopClock())
    telemetry = Telemetry(CollectorRegistry())
    api = FakeApi(list(answers), otherwise, latency)
    allowed = Limit.of(limit)
    quota = Quota(allowed, clock, slots=own_all(Slots(allowed, 3, Seconds(2.0), clock)) if slots else None)
    circuit = Circuit(Seconds(300.0), clock, telemetry)
    requester = Requester(
        "http://api.example/",
        transport=api,
        quota=quota,
        retries=RetryPolicy(attempts, Seconds(0.5), Seconds(8.0)),
        clock=clock,
        telemetry=telemetry,
        pace=pace,
    )
    app = Access(AppSigner(credentials(api)), circuit, "check engagement.bearer_token")
    asker = Asker(requester, app, allowance=Allowance(Reach(), clock), clock=clock, telemetry=telemetry)
    query = Query(Endpoint.TOTALS, tuple(metrics))
    return Bench(asker, query, api, quota, circuit, telemetry)


def own_all(slots: Slots) -> Slots:
    """As the only worker of the group has them, for ever."""
    slots.own(range(slots.partitions))
    slots.renew(Seconds(1e9))
    return slots


async def gives_up(work: Coroutine[Any, Any, object]) -> EngagementError:
    """The error that the API room raises here."""
    try:
        await work
    except EngagementError as error:
        return error
    raise AssertionError("no error was raised")


FIRST = first_post_id(Timestamp(NOON - 3600))
POSTS = list(range(FIRST, FIRST + 10))


def measured(outcome: Outcome) -> dict[int, list[int]]:
    return {
        post_id: values
        for counts in outcome.counts
        for post_id, values in zip(counts.post_ids.tolist(), counts.values.tolist(), strict=True)
    }


def truth(*post_ids: int) -> dict[int, list[int]]:
    return {post_id: [count_of(post_id, metric) for metric in PUBLIC_METRICS] for post_id in post_ids}
