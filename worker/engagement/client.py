"""Asking for counts: one call, one account of what became of every Post asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import stamina
import structlog

from worker.engagement import headers as said
from worker.engagement.answers import GROUPING, UnauthorizedError, measured_at, read
from worker.engagement.errors import EngagementError, RefusedError, StoppedError, TransientError
from worker.model import NOT_AVAILABLE, Counts, PostId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.engagement.answers import Answer
    from worker.engagement.auth import Credentials
    from worker.engagement.circuit import Circuit
    from worker.engagement.quota import Permit, Quota
    from worker.engagement.transport import Reply, Transport
    from worker.model import Clock, MetricName, Seconds, Timestamp
    from worker.telemetry import Telemetry

SEATS: Final = 250
"""Post IDs in a totals request, at most. Source: the API's reference."""

_TOTALS: Final = "/insights/engagement/totals"
_TOO_MANY: Final = "429"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often one request is tried, and the first and longest wait between tries, in seconds."""

    attempts: int
    wait: Seconds
    wait_max: Seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the Posts asked for: each of them is in exactly one of the four.

    ``again``: nothing was learned of these. ``silent``: those of them that an answer left out.
    """

    counts: Sequence[Counts]
    unavailable: tuple[PostId, ...]
    refused: tuple[PostId, ...]
    again: tuple[PostId, ...]
    silent: tuple[PostId, ...]
    at: Timestamp


class EngagementClient:
    """Asks ``/insights/engagement/totals`` for Posts. No answer is dropped, and no Post goes missing.

    A request that fails in passing is tried again, each try under the quota. Posts or metrics that the API
    names as refused are taken out and the rest is asked for again; a refusal that names nothing is halved
    until the Post at fault stands alone. When the API refuses everything, the circuit opens.
    """

    def __init__(
        self,
        url: str,
        metrics: Sequence[MetricName],
        *,
        credentials: Credentials,
        transport: Transport,
        quota: Quota,
        circuit: Circuit,
        retries: RetryPolicy,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.metrics = tuple(metrics)
        self._url = url.rstrip("/") + _TOTALS
        self._allowed = list(metrics)
        self._credentials = credentials
        self._transport = transport
        self._quota = quota
        self._circuit = circuit
        self._retries = retries
        self._clock = clock
        self._telemetry = telemetry

    async def totals(self, post_ids: Sequence[PostId], permit: Permit) -> Outcome:
        """The counts of these Posts, at most 250 of them, all different.

        ``permit`` is for the first request; what is sent beyond it takes its own. Never raises for anything
        that the API or the network does: then the Posts are in ``again``. When it is cancelled nothing is
        handed over, and all of the Posts count as asked again.
        """
        self._telemetry.ids_asked.inc(len(post_ids))
        self._telemetry.ids_in_flight.inc(len(post_ids))
        tally = _Tally(post_ids)
        try:
            await self._ask(list(post_ids), tally, permit)
        except StoppedError as error:
            self._circuit.open(str(error))
        except TransientError as error:
            _log.warning(
                "request_given_up", reason=str(error), posts=len(post_ids), tries=self._retries.attempts
            )
        except BaseException:
            self._telemetry.ids_answered.labels("asked_again").inc(len(post_ids))
            raise
        finally:
            permit.end()
            self._telemetry.ids_in_flight.dec(len(post_ids))
        outcome = tally.outcome(self._clock.now())
        self._account(outcome)
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def _ask(self, post_ids: list[PostId], tally: _Tally, permit: Permit | None) -> None:
        """Ask until every Post is accounted for, or the error that stops it."""
        if not post_ids:
            return
        # Another request may have a metric dropped while this one waits: it goes by those it was made with.
        metrics = tuple(self._allowed)
        try:
            reply, answer = await self._tried(post_ids, metrics, permit)
        except RefusedError as error:
            await self._ask_without(error, post_ids, metrics, tally)
            return
        values = self._all_metrics(answer, metrics)
        tally.answered(answer, values, measured_at(reply, self._clock.now()))

    async def _ask_without(
        self, error: RefusedError, post_ids: list[PostId], metrics: Sequence[MetricName], tally: _Tally
    ) -> None:
        refused = set(error.post_ids) & set(post_ids)
        if set(error.metrics) & set(metrics):
            self._drop_metrics(error.metrics)
            await self._ask(post_ids, tally, None)
        elif refused:
            tally.refuse(refused)
            await self._ask([post_id for post_id in post_ids if post_id not in refused], tally, None)
        elif len(post_ids) == 1:
            _log.warning("post_refused", post_id=str(post_ids[0]), reason=str(error))
            tally.refuse(post_ids)
        else:
            middle = len(post_ids) // 2
            await self._ask(post_ids[:middle], tally, None)
            await self._ask(post_ids[middle:], tally, None)

    def _drop_metrics(self, refused: Sequence[MetricName]) -> None:
        dropped = [metric for metric in self._allowed if metric in refused]
        if len(dropped) == len(self._allowed):
            raise StoppedError("the API refuses every metric of boards.metrics to this token: ask X for them")
        if dropped:
            self._allowed = [metric for metric in self._allowed if metric not in dropped]
            _log.error(
                "metrics_refused", metrics=dropped, do="ask X for them, or take them out of boards.metrics"
            )

    async def _tried(
        self, post_ids: Sequence[PostId], metrics: Sequence[MetricName], permit: Permit | None
    ) -> tuple[Reply, Answer]:
        """One request, tried until it is answered."""
        fresh_token = False
        retries = stamina.retry_context(
            on=TransientError,
            attempts=self._retries.attempts,
            timeout=None,
            wait_initial=self._retries.wait,
            wait_max=self._retries.wait_max,
            wait_jitter=self._retries.wait,
        )
        async for attempt in retries:
            with attempt:
                while True:
                    token = ""
                    try:
                        token = await self._credentials.token()
                        return await self._once(post_ids, metrics, token, permit)
                    except UnauthorizedError:
                        # A token that was fetched may have been invalidated: fetch once more, then stop.
                        if fresh_token or not self._credentials.reject(token):
                            raise
                        fresh_token = True
                    finally:
                        # Also where no request left: the next try waits for a permit, which may be this one.
                        if permit is not None:
                            permit.end()
                        permit = None
        raise EngagementError("unreachable: the last try returns or raises")

    async def _once(
        self, post_ids: Sequence[PostId], metrics: Sequence[MetricName], token: str, permit: Permit | None
    ) -> tuple[Reply, Answer]:
        body = orjson.dumps(
            {
                "tweet_ids": [str(post_id) for post_id in post_ids],
                "engagement_types": metrics,
                "groupings": {GROUPING: {"group_by": ["tweet.id", "engagement.type"]}},
            }
        )
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        permit = permit or await self._waited_permit()
        self._telemetry.request_ids.labels("totals").observe(len(post_ids))
        started = self._clock.monotonic()
        try:
            reply = await self._transport.post(self._url, body, headers)
            self._quota.learn(reply.headers)
            answer = self._read(reply, post_ids, metrics)
        except TransientError as error:
            self._telemetry.requests.labels("totals", error.status).inc()
            if error.wait is not None:
                self._quota.hold(error.wait)
            raise
        finally:
            permit.end()
        self._telemetry.request_seconds.labels("totals").observe(self._clock.monotonic() - started)
        self._circuit.close()
        return reply, answer

    def _read(self, reply: Reply, post_ids: Sequence[PostId], metrics: Sequence[MetricName]) -> Answer:
        try:
            answer = read(reply, post_ids, metrics)
        except TransientError as error:
            now = self._clock.now()
            error.wait = said.retry_after(reply.headers, now)
            if error.wait is None and error.status == _TOO_MANY:
                error.wait = said.until_reset(reply.headers, now) or self._retries.wait
            raise
        except EngagementError:
            self._telemetry.requests.labels("totals", str(reply.status)).inc()
            raise
        self._telemetry.requests.labels("totals", str(reply.status)).inc()
        return answer

    async def _waited_permit(self) -> Permit:
        started = self._clock.monotonic()
        permit = await self._quota.take()
        self._telemetry.quota_wait_seconds.observe(self._clock.monotonic() - started)
        return permit

    def _all_metrics(
        self, answer: Answer, metrics: Sequence[MetricName]
    ) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """The answer's values with columns for metrics that are not asked for any more."""
        if len(metrics) == len(self.metrics):
            return answer.values
        values = np.full((len(answer.post_ids), len(self.metrics)), NOT_AVAILABLE, dtype=np.int64)
        columns = [column for column, metric in enumerate(self.metrics) if metric in metrics]
        values[:, columns] = answer.values
        return values

    def _account(self, outcome: Outcome) -> None:
        answered = self._telemetry.ids_answered
        answered.labels("measured").inc(sum(len(counts.post_ids) for counts in outcome.counts))
        answered.labels("unavailable").inc(len(outcome.unavailable))
        answered.labels("refused").inc(len(outcome.refused))
        answered.labels("asked_again").inc(len(outcome.again))


class _Tally:
    """Who of the Posts asked for is accounted for, and how."""

    def __init__(self, asked: Sequence[PostId]) -> None:
        self._open = dict.fromkeys(asked)
        self._counts: list[Counts] = []
        self._unavailable: list[PostId] = []
        self._refused: list[PostId] = []
        self._answers = 0

    def answered(
        self, answer: Answer, values: np.ndarray[tuple[int, int], np.dtype[np.int64]], at: Timestamp
    ) -> None:
        self._counts.append(Counts(at, answer.post_ids, values))
        for post_id in answer.post_ids.tolist():
            del self._open[post_id]
        self._unavailable.extend(self._settle(answer.unavailable))
        self._refused.extend(self._settle(answer.refused))
        self._answers += 1

    def refuse(self, post_ids: Iterable[PostId]) -> None:
        self._refused.extend(self._settle(post_ids))

    def outcome(self, at: Timestamp) -> Outcome:
        again = tuple(self._open)
        silent = again if self._answers else ()
        return Outcome(self._counts, tuple(self._unavailable), tuple(self._refused), again, silent, at)

    def _settle(self, post_ids: Iterable[PostId]) -> list[PostId]:
        settled = [post_id for post_id in post_ids if post_id in self._open]
        for post_id in settled:
            del self._open[post_id]
        return settled
