"""Asking for counts: one call, one account of what became of every Post asked for."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from worker.catalogue import Endpoint
from worker.engagement.answers import Answer
from worker.engagement.errors import EngagementError, RefusedError, StoppedError, TransientError
from worker.engagement.outcome import Tally
from worker.engagement.requester import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.engagement.accounts import Account
    from worker.engagement.allowance import Allowance
    from worker.engagement.circuit import Circuit
    from worker.engagement.outcome import Outcome
    from worker.engagement.query import Query
    from worker.engagement.quota import Permit
    from worker.engagement.requester import Access, Requester
    from worker.model import Clock, MetricName, PostId, Seconds
    from worker.telemetry import Telemetry

_TOO_MANY: Final = "429"

_BLIND_DEPTH: Final = 2
"""How often a failing request is halved while nothing at all is answered: beyond, it is the API, no Post."""

_BLIND_REFUSALS: Final = 3
"""The same, of a request that is refused: several Posts at fault are likelier there."""

_PART_ATTEMPTS: Final = 1
"""Tries of a part of a request that kept failing, until it is down to one Post."""

_log = structlog.get_logger(__name__)


class Asker:
    """Asks the API for Posts. No answer is dropped, and no Post goes missing.

    A request that fails in passing is tried again, each try under the quota. Posts or metrics that the API
    names as refused are taken out and the rest is asked for again; a request that is refused without a name,
    or keeps failing, is halved until the Post at fault stands alone. When the API refuses everything to a
    token, the circuit of that token opens. ``account_used`` is called before each request with an account's
    token.
    """

    def __init__(
        self,
        requester: Requester,
        app: Access | None,
        accounts: Mapping[Account, Access] | None = None,
        *,
        allowance: Allowance,
        account_used: Callable[[Account], None] = lambda _: None,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._requester = requester
        self._app = app
        self._accounts = accounts or {}
        self._allowance = allowance
        self._account_used = account_used
        self._clock = clock
        self._telemetry = telemetry
        self._heard_at: dict[tuple[Account | None, Endpoint], float] = {}
        self._circuits: dict[tuple[Account, Endpoint], Circuit] = {}

    def wait(self, account: Account | None, endpoint: Endpoint = Endpoint.TOTALS) -> Seconds:
        """How long this token may not be used there, in seconds; 0 when it may now."""
        return max(circuit.wait() for circuit in self._all_circuits(account, endpoint))

    def stopped(self, account: Account | None, endpoint: Endpoint = Endpoint.TOTALS) -> str | None:
        """Why the API refuses everything to this token there at present, if it does."""
        reasons = (circuit.reason for circuit in self._all_circuits(account, endpoint))
        return next((reason for reason in reasons if reason is not None), None)

    async def ask(
        self,
        query: Query,
        post_ids: Sequence[PostId],
        account: Account | None,
        permit: Permit | None = None,
    ) -> Outcome:
        """What the query asks of these Posts: as many as the endpoint has seats at most, all different.

        Asked for with the token of the account, or the app's where there is none. ``permit`` is for the first
        request; what is sent beyond it takes its own. Never raises for anything that the API or the network
        does: then the Posts are in ``again``. When it is cancelled nothing is handed over, and all of the
        Posts count as asked again.

        Raises:
            LookupError: when this account, or the app, has no token here.
        """
        asking = _Asking(query, account, self._access(account), permit, query.metrics)
        self._telemetry.ids_asked.inc(len(post_ids))
        self._telemetry.ids_in_flight.inc(len(post_ids))
        for circuit in self._all_circuits(account, query.endpoint):
            circuit.asked()
        tally = Tally(post_ids)
        why: str | None = None
        try:
            await self._ask_all(asking, list(post_ids), tally)
        except StoppedError as error:
            why = str(error)
            self._circuit_for(error, asking).open(why)
        except TransientError as error:
            why = str(error)
            _log.warning("request_given_up", reason=why, posts=len(post_ids))
        except BaseException:
            self._telemetry.ids_answered.labels("asked_again").inc(len(post_ids))
            raise
        finally:
            if permit is not None:
                permit.end()
            self._telemetry.ids_in_flight.dec(len(post_ids))
        outcome = tally.outcome(self._clock.now(), why)
        self._account_for(outcome)
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        await self._requester.close()

    def _access(self, account: Account | None) -> Access:
        access = self._app if account is None else self._accounts.get(account)
        if access is None:
            raise LookupError(f"no token of {'the app' if account is None else account.handle} is set up")
        return access

    def _all_circuits(self, account: Account | None, endpoint: Endpoint) -> list[Circuit]:
        """The token's, and the endpoint's own, where something was refused there alone."""
        circuits = [self._access(account).circuit]
        if account is not None and (account, endpoint) in self._circuits:
            circuits.append(self._circuits[account, endpoint])
        return circuits

    def _circuit_for(self, error: StoppedError, asking: _Asking) -> Circuit:
        """What stops, by this error. The app's token has one endpoint, and so one circuit."""
        if asking.account is None or not error.endpoint_only:
            return asking.access.circuit
        key = asking.account, asking.query.endpoint
        if key not in self._circuits:
            self._circuits[key] = asking.access.circuit.of(asking.query.endpoint)
        return self._circuits[key]

    def _heard(self, asking: _Asking) -> None:
        self._heard_at[asking.account, asking.query.endpoint] = self._clock.monotonic()

    def _heard_since(self, began: float, asking: _Asking) -> bool:
        """Whether the API answered anything on this endpoint with this token: then it is there, and works."""
        return self._heard_at.get((asking.account, asking.query.endpoint), -math.inf) >= began

    async def _ask_all(self, asking: _Asking, post_ids: list[PostId], tally: Tally) -> None:
        """Ask until every Post is accounted for, or the error that stops it."""
        parts = deque([(post_ids, 0)])
        began = self._clock.monotonic()
        failure: EngagementError | None = None
        blind = _BLIND_DEPTH
        while parts:
            part, depth = parts.popleft()
            if failure is not None and depth > blind and not self._heard_since(began, asking):
                raise failure
            try:
                await self._ask_part(asking, part, tally, quick=isinstance(failure, TransientError))
            except RefusedError as error:
                rest = self._without(error, asking, part, tally)
                if rest is None:
                    blind = _BLIND_REFUSALS
                    failure = StoppedError(f"the API refuses every request: {error}", endpoint_only=True)
                    parts.extend((half, depth + 1) for half in _halves(part))
                elif rest:
                    parts.appendleft((rest, depth))
            except TransientError as error:
                if error.status == _TOO_MANY:
                    raise
                failure = error
                if len(part) > 1:
                    parts.extend((half, depth + 1) for half in _halves(part))
                elif self._heard_since(began, asking):
                    _log.warning("post_set_aside", post_id=str(part[0]), reason=str(error))
                    tally.fail(part[0], str(error))
                else:
                    raise

    async def _ask_part(
        self, asking: _Asking, post_ids: Sequence[PostId], tally: Tally, *, quick: bool
    ) -> None:
        # Another request may have a metric dropped while this one waits: it goes by those it was made with.
        query, metrics = asking.query, self._allowance.metrics(asking.query, asking.account, post_ids)
        asking.asked = metrics
        if not metrics:
            answer, at = _nothing(post_ids), self._clock.now()
        else:
            if asking.account is not None:
                self._account_used(asking.account)
            permit, asking.permit = asking.permit, None
            attempts = _PART_ATTEMPTS if quick and len(post_ids) > 1 else None
            answer, at = await self._requester.ask(
                Request(query, metrics, post_ids), asking.access, permit, attempts
            )
            self._heard(asking)
            for circuit in self._all_circuits(asking.account, query.endpoint):
                circuit.close()
        values = self._allowance.fill(query, metrics, answer.post_ids, answer.values, at)
        tally.answered(post_ids, answer, values, at, owned=asking.account is not None)
        if query.groupings:
            tally.keep(answer.body)

    def _without(
        self, error: RefusedError, asking: _Asking, post_ids: list[PostId], tally: Tally
    ) -> list[PostId] | None:
        """Whom to ask for instead in a request that was refused; ``None``: for the halves of it.

        Only Posts that the API names are another's: a refusal that names none says nothing of whose they are.
        """
        dropped = [metric for metric in asking.asked if metric in error.metrics]
        refused = set(error.post_ids).intersection(post_ids)
        if dropped:
            self._allowance.drop(asking.query, asking.account, dropped)
            return post_ids
        if refused:
            self._heard(asking)
            tally.learn({post_id: error.authors[post_id] for post_id in refused & error.authors.keys()})
            tally.refuse(refused, owned=asking.account is not None)
            return [post_id for post_id in post_ids if post_id not in refused]
        if len(post_ids) > 1:
            return None
        _log.warning("post_refused", post_id=str(post_ids[0]), reason=str(error))
        if asking.account is not None:
            tally.fail(post_ids[0], str(error))
        else:
            tally.refuse(post_ids, owned=False)
        return []

    def _account_for(self, outcome: Outcome) -> None:
        answered = self._telemetry.ids_answered
        measured = sum(len(counts.post_ids) for counts in outcome.counts)
        answered.labels("measured").inc(measured)
        if measured:
            self._telemetry.last_measurement.set(outcome.at)
        answered.labels("unavailable").inc(len(outcome.unavailable))
        answered.labels("refused").inc(len(outcome.refused))
        answered.labels("forbidden").inc(len(outcome.forbidden))
        answered.labels("failed").inc(len(outcome.failed))
        answered.labels("asked_again").inc(len(outcome.again))


@dataclass(slots=True)
class _Asking:
    """One call of ``ask``. ``asked``: the metrics of its newest request."""

    query: Query
    account: Account | None
    access: Access
    permit: Permit | None
    asked: tuple[MetricName, ...]


def _halves(post_ids: list[PostId]) -> list[list[PostId]]:
    middle = len(post_ids) // 2
    return [post_ids[:middle], post_ids[middle:]]


def _nothing(post_ids: Sequence[PostId]) -> Answer:
    """What is known without asking: these Posts have none of the metrics."""
    found = np.array(post_ids, dtype=np.int64)
    return Answer(found, np.empty((len(found), 0), dtype=np.int64), frozenset(), frozenset())
