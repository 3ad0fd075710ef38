"""What can go wrong with a request, by what the caller should do.

EngagementError
 ├── TransientError   the same request may succeed: try again, later
 ├── RefusedError     this request as it is will never succeed: take out what it names, or split it
 └── StoppedError     no request will succeed until an operator mends something: stop asking and say so
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.model import MetricName, PostId, Seconds


class EngagementError(Exception):
    """Any failure of a request."""


class TransientError(EngagementError):
    """The same request may succeed later.

    ``status``: an HTTP status, ``timeout``, ``connection`` or ``unreadable``.

    ``wait``: how long the API asked to wait, in seconds, where it did.
    """

    def __init__(self, status: str, detail: str, wait: Seconds | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.wait = wait


class RefusedError(EngagementError):
    """The API refuses this request; it may name the Posts or metrics that it refuses."""

    def __init__(
        self, detail: str, post_ids: Sequence[PostId] = (), metrics: Sequence[MetricName] = ()
    ) -> None:
        super().__init__(detail)
        self.post_ids = tuple(post_ids)
        self.metrics = tuple(metrics)


class StoppedError(EngagementError):
    """The API refuses everything: a bad token, a wrong address. The text says what an operator should do."""
