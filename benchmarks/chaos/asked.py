"""What the API was asked, judged from its own log: the busiest minute, and what was asked too soon."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx

MINUTE: Final = 60.0
_ANSWERS: Final = (200, 400)
"""Statuses that tell of the Posts asked for, where no fault was met: 400 says that all of them are gone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived. ``answered``: the API told of its Posts."""

    at: float
    post_ids: Sequence[int]
    answered: bool


@dataclass(frozen=True, slots=True)
class Early:
    """What was asked again sooner than planned: requests that had nothing else in them, and Posts."""

    requests: int
    post_ids: int


def most_in_a_minute(arrivals: Iterable[float]) -> int:
    """The most requests in any 60 seconds, half open, wherever they begin: counted at each arrival."""
    window, most = deque[float](), 0
    for at in sorted(arrivals):
        window.append(at)
        while window[0] <= at - MINUTE:
            window.popleft()
        most = max(most, len(window))
    return most


def asked_early(requests: Iterable[Asked], interval: float) -> Early:
    """What was asked within ``interval`` seconds of an earlier ask that the API had answered."""
    answered_at: dict[int, float] = {}
    whole, posts = 0, 0
    for request in sorted(requests, key=lambda one: one.at):
        early = sum(request.at - answered_at.get(one, -interval) < interval for one in request.post_ids)
        posts += early
        whole += bool(early) and early == len(request.post_ids)
        if request.answered:
            answered_at |= dict.fromkeys(request.post_ids, request.at)
    return Early(whole, posts)


def read_requests(client: httpx.Client, sandbox: str) -> list[Asked]:
    """All requests that the sandbox received.

    Raises:
        RuntimeError: it does not hold all of them any more.
    """
    found, after = list[Asked](), 0
    while True:
        page: dict[str, Any] = client.get(f"{sandbox}/sandbox/requests?after={after}&most=1000").json()
        if page["dropped"]:
            raise RuntimeError(f"the sandbox dropped {page['dropped']} requests: give more --kept-requests")
        for one in page["requests"]:
            answered = one["fault"] is None and one["status"] in _ANSWERS
            found.append(Asked(one["at"], list(map(int, one["ids"])), answered))
        if not page["requests"]:
            return found
        after = page["next"]
