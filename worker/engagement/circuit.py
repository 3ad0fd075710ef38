"""Whether the API is asked at all: not while it refuses everything we send."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from worker.model import Clock, Seconds
    from worker.telemetry import Telemetry

_log = structlog.get_logger(__name__)


ALL_ENDPOINTS: Final = "all"


class Circuit:
    """Open while the API refuses the address, or the token: the app's, or an ``account``'s.

    Every ``retry`` seconds one request may try. Says once, when it opens, what an operator should do, and
    once when it is closed again.
    """

    def __init__(
        self,
        retry: Seconds,
        clock: Clock,
        telemetry: Telemetry,
        account: str | None = None,
        endpoint: str = ALL_ENDPOINTS,
    ) -> None:
        self._retry = retry
        self._clock = clock
        self._telemetry = telemetry
        self._account = account
        self._endpoint = endpoint
        self._gauge = telemetry.circuit_open
        if account is not None:
            self._gauge = telemetry.account_refused.labels(account, endpoint)
        self._gauge.set(0)
        self._try_at = -math.inf
        self.reason: str | None = None

    def of(self, endpoint: str) -> Circuit:
        """A circuit of one endpoint, for the same token."""
        return Circuit(self._retry, self._clock, self._telemetry, self._account, endpoint)

    def wait(self) -> Seconds:
        """How long until a request may leave, in seconds; 0 when one may now."""
        return max(0.0, self._try_at - self._clock.monotonic())  # type: ignore[return-value]

    def asked(self) -> None:
        """A request leaves. While the API refuses everything, it is the only one that tries."""
        if self.reason is not None:
            self._try_at = self._clock.monotonic() + self._retry

    def open(self, reason: str) -> None:
        """The API refuses everything, for this reason."""
        self._try_at = self._clock.monotonic() + self._retry
        if self.reason is None:
            _log.error(
                "api_refuses",
                account=self._account,
                endpoint=self._endpoint,
                reason=reason,
                try_again_in_s=self._retry,
            )
        self.reason = reason
        self._gauge.set(1)

    def close(self) -> None:
        """The API answered."""
        if self.reason is not None:
            _log.info("api_answers_again", account=self._account, endpoint=self._endpoint)
            self.reason = None
            self._try_at = -math.inf
            self._gauge.set(0)
