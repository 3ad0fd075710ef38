"""One request of the API, tried until it is answered or given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson
import stamina

from worker.engagement import headers as said
from worker.engagement.answers import Answer, measured_at, read
from worker.engagement.errors import EngagementError, StoppedError, TransientError
from worker.engagement.query import BY_POST, METRIC, POST
from worker.model import REAL_TIME, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.engagement.circuit import Circuit
    from worker.engagement.query import Query, Window
    from worker.engagement.quota import Permit, Quota
    from worker.engagement.signing import Signer
    from worker.engagement.transport import Reply, Transport
    from worker.model import Clock, MetricName, Pace, PostId, Timestamp
    from worker.telemetry import Telemetry

_TOO_MANY: Final = "429"
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often one request is tried, and the first and longest wait between tries, in seconds."""

    attempts: int
    wait: Seconds
    wait_max: Seconds


@dataclass(frozen=True, slots=True)
class Access:
    """Whose token signs, and whether the API refuses it at present.

    ``mend``: what to do when it is refused, for people.
    """

    signer: Signer
    circuit: Circuit
    mend: str


class Request:
    """A request: what is asked, of whom. ``metrics``: those of the query that are asked for."""

    def __init__(self, query: Query, metrics: Sequence[MetricName], post_ids: Sequence[PostId]) -> None:
        self.query = query
        self.metrics = metrics
        self.post_ids = post_ids
        self.body = orjson.dumps(self._document())

    def _document(self) -> dict[str, object]:
        axes: dict[str, tuple[str, ...]] = {BY_POST: (POST, METRIC), **self.query.groupings}
        document: dict[str, object] = {
            "tweet_ids": [str(post_id) for post_id in self.post_ids],
            "engagement_types": self.metrics,
            "groupings": {name: {"group_by": by} for name, by in axes.items()},
        }
        if self.query.window is not None:
            document |= _window(self.query.window)
        return document


class Requester:
    """Sends requests, each try under the quota, and reads their answers.

    ``url``: the API's base URL. ``on_answer`` is called with the body of every answer that counts. ``pace``
    is the clock's.
    """

    def __init__(
        self,
        url: str,
        *,
        transport: Transport,
        quota: Quota,
        retries: RetryPolicy,
        clock: Clock,
        telemetry: Telemetry,
        on_answer: Callable[[bytes], None] | None = None,
        pace: Pace = REAL_TIME,
    ) -> None:
        self._url = url.rstrip("/")
        self._transport = transport
        self._quota = quota
        self._retries = retries
        self._clock = clock
        self._telemetry = telemetry
        self._on_answer = on_answer
        self._pace = pace

    async def ask(
        self, request: Request, access: Access, permit: Permit | None, attempts: int | None = None
    ) -> tuple[Answer, Timestamp]:
        """The answer, and the moment it is as of.

        ``permit`` is for the first try; each further one takes its own. ``attempts``: if not the policy's.

        Raises:
            TransientError: what the last try failed with.
            RefusedError: this request as it is will never be answered.
            StoppedError: none with this access will.
        """
        retries = stamina.retry_context(
            on=TransientError,
            attempts=attempts or self._retries.attempts,
            timeout=None,
            wait_initial=self._retries.wait,
            wait_max=self._retries.wait_max,
            wait_jitter=self._retries.wait,
        )
        async for attempt in retries:
            with attempt:
                try:
                    reply = await self._signed(request, access, permit)
                finally:
                    # Also where no request left: the next try waits for a permit, which may be this one.
                    if permit is not None:
                        permit.end()
                    permit = None
                answer = self._read(reply, request)
                if self._on_answer is not None:
                    self._on_answer(reply.body)
                return answer, measured_at(reply, self._clock.now())
        raise EngagementError("unreachable: the last try returns or raises")

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def _signed(self, request: Request, access: Access, permit: Permit | None) -> Reply:
        """A reply to this request that is no 401."""
        url = self._url + request.query.endpoint.path
        fresh = False
        while True:
            authorization = await access.signer.sign(url)
            reply = await self._send(url, request, authorization, permit)
            if reply.status != _UNAUTHORIZED:
                return reply
            self._count(request, str(reply.status))
            # A token that was fetched may have been invalidated: fetch once more, then stop.
            if fresh or not access.signer.refused(authorization):
                raise StoppedError(f"the API refused the token (401): {access.mend}")
            fresh, permit = True, None

    async def _send(self, url: str, request: Request, authorization: str, permit: Permit | None) -> Reply:
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        endpoint = request.query.endpoint.value
        # Fetching a token may have taken long, or the process have been frozen: the slot may be over.
        while permit is None or not permit.fresh():
            if permit is not None:
                permit.give_back()
            permit = await self._waited_permit()
        self._telemetry.request_ids.labels(endpoint).observe(len(request.post_ids))
        started = self._clock.monotonic()
        try:
            reply = await self._transport.post(url, request.body, headers)
        except TransientError as error:
            self._count(request, error.status)
            raise
        finally:
            permit.end()
        took = self._pace.lasts(Seconds(self._clock.monotonic() - started))
        self._telemetry.request_seconds.labels(endpoint).observe(took)
        self._quota.learn(reply.headers)
        return reply

    def _read(self, reply: Reply, request: Request) -> Answer:
        status = str(reply.status)
        try:
            return read(reply, request.post_ids, request.metrics)
        except TransientError as error:
            status = error.status
            now = self._clock.now()
            wait = said.retry_after(reply.headers, now)
            if wait is None and error.status == _TOO_MANY:
                wait = said.until_reset(reply.headers, now) or self._retries.wait
            if wait is not None:
                self._quota.hold(wait)
            raise
        finally:
            self._count(request, status)

    def _count(self, request: Request, status: str) -> None:
        self._telemetry.requests.labels(request.query.endpoint.value, status).inc()

    async def _waited_permit(self) -> Permit:
        started = self._clock.monotonic()
        permit = await self._quota.take()
        self._telemetry.quota_wait_seconds.observe(self._clock.monotonic() - started)
        return permit


def _window(window: Window) -> dict[str, object]:
    return {"start": _moment(window.start), "end": _moment(window.end)}


def _moment(at: Timestamp) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
