"""What can go wrong with a request, by what the caller should do.

EngagementError
 ├── TransientError   the same request may succeed: try again, later
 ├── RefusedError     this request as it is will never succeed: take out what it names, or split it
 └── StoppedError     no request will succeed until an operator mends something: stop asking and say so
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """The API refuses this request; it may name the Posts or metrics that it refuses.

    ``authors``: of a Post that it names the author's ID, where it tells that too.
    """

    def __init__(
        self,
        detail: str,
        posts: Mapping[PostId, str | None] | None = None,
        metrics: Sequence[MetricName] = (),
    ) -> None:
        super().__init__(detail)
        named = posts or {}
        self.post_ids = tuple(sorted(named))
        self.authors = {post_id: author for post_id, author in named.items() if author is not None}
        self.metrics = tuple(metrics)


class StoppedError(EngagementError):
    """The API refuses everything: a bad token, a wrong address. The text says what an operator should do.

    ``endpoint_only``: everything of this endpoint; the token may be good for others.
    """

    def __init__(self, detail: str, *, endpoint_only: bool = False) -> None:
        super().__init__(detail)
        self.endpoint_only = endpoint_only
