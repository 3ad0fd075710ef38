"""Reading the API's answers: counts, lists of Posts that are gone, errors in all their shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from worker.engagement import headers
from worker.engagement.errors import RefusedError, StoppedError, TransientError
from worker.engagement.query import BY_POST
from worker.model import MAX_POST_ID, NOT_AVAILABLE, MetricName, PostId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.engagement.transport import Reply
    from worker.model import IntArray, Timestamp

_UNSUPPORTED: Final = {
    "unsupported_for_video_views_tweet_ids": ("video_views",),
    "unsupported_for_impressions_engagements_tweet_ids": ("impressions", "engagements"),
}
_OK, _BAD_REQUEST, _TOO_LARGE = 200, 400, 413
_PASSING: Final = frozenset({408, 425, 429})
_SERVER_ERRORS: Final = 500
_FORBIDDEN_AUTHOR: Final = re.compile(r"Forbidden to access tweets for author id (\d+):")
_LONGEST_NUMBER: Final = 32
"""Characters of a number, at most: beyond, it is not worth reading."""
_LARGEST_COUNT: Final = 10**15
"""More is no count, and up to here a float holds every whole number."""
_FARTHEST: Final = 3600.0
"""Seconds between an answer's ``Date`` and our clock, at most: beyond, one of them is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer said of the Posts asked for: counts of some, and which are gone or refused.

    A Post is in one of the three at most. About the rest the answer was silent. ``body`` is all of it.
    """

    post_ids: IntArray
    values: IntArray
    unavailable: frozenset[PostId]
    refused: frozenset[PostId]
    body: Mapping[str, object] = field(default_factory=dict)


def read(reply: Reply, post_ids: Sequence[PostId], metrics: Sequence[MetricName]) -> Answer:
    """The answer to a request for these Posts and metrics.

    Raises:
        TransientError: for 429, 5xx, HTML, bodies that are cut off or are not JSON.
        RefusedError: for 400, 403 and 413 that blame the request, with the Posts or metrics they name.
        StoppedError: for other statuses, which no other request would be spared.
    """
    _check_status(reply.status)
    body = _object(reply)
    errors = [*_messages(body.get("errors"))]
    forbidden, metrics_forbidden = _forbidden(errors)
    if reply.status in (_OK, _BAD_REQUEST):
        answer = _answer(body, post_ids, metrics, forbidden)
        complaint = forbidden or metrics_forbidden or _is_rate_limit(errors) or reply.status != _OK
        if len(answer.post_ids) or answer.unavailable or (BY_POST in body and not complaint):
            return answer
    said = "; ".join(errors)[:300] or "no reason given"
    if _is_rate_limit(errors):
        raise TransientError("429", f"status {reply.status}: {said}")
    if forbidden or metrics_forbidden or reply.status in (_BAD_REQUEST, _TOO_LARGE):
        raise RefusedError(f"{reply.status}: {said}", forbidden, metrics_forbidden)
    if reply.status == _OK:
        raise TransientError("unreadable", f"an answer without data: {said}")
    raise StoppedError(
        f"the API answered {reply.status} ({said}): check engagement.url and what the app may access",
        endpoint_only=True,
    )


def measured_at(reply: Reply, otherwise: Timestamp) -> Timestamp:
    """The answer's ``Date``, which its counts are as of; ``otherwise``, our now, where that cannot be."""
    moment = headers.date(reply.headers)
    return otherwise if moment is None or abs(moment - otherwise) > _FARTHEST else moment


def _check_status(status: int) -> None:
    """Raise what needs no look at the body."""
    if status in _PASSING or status >= _SERVER_ERRORS:
        raise TransientError(str(status), f"the API answered {status}")


def _answer(
    body: Mapping[str, Any],
    post_ids: Sequence[PostId],
    metrics: Sequence[MetricName],
    forbidden: Mapping[PostId, str | None],
) -> Answer:
    """What the body says of the Posts asked for; what it says of others is passed over."""
    unavailable = frozenset(_post_ids(body.get("unavailable_tweet_ids"))).intersection(post_ids)
    group = body.get(BY_POST)
    of_post = group.get if isinstance(group, dict) else {}.get
    asked = [(post_id, of_post(str(post_id))) for post_id in post_ids if post_id not in unavailable]
    told = [(post_id, counts) for post_id, counts in asked if isinstance(counts, dict)]
    values = _values([counts for _, counts in told], metrics)
    found = np.array([post_id for post_id, _ in told], dtype=np.int64)
    for key, names in _UNSUPPORTED.items():
        columns = [column for column, metric in enumerate(metrics) if metric in names]
        if columns and key in body:
            # There the API writes "0" for a metric that it does not have: not available is not 0.
            rows = np.flatnonzero(np.isin(found, np.array([*_post_ids(body[key])], dtype=np.int64)))
            values[rows[:, np.newaxis], columns] = NOT_AVAILABLE
    refused = frozenset(forbidden).intersection(post_ids).difference(unavailable, found.tolist())
    return Answer(found, values, unavailable, refused, body)


def _values(told: Sequence[Mapping[str, Any]], metrics: Sequence[MetricName]) -> IntArray:
    """Counts of shape (Posts, metrics). Quick where all are strings of digits, as they are as a rule."""
    shape = len(told), len(metrics)
    try:
        listed = [counts[metric] for counts in told for metric in metrics]
        if all(map(str.isdecimal, listed)):
            values = np.fromiter(map(int, listed), dtype=np.int64, count=len(listed)).reshape(shape)
            if values.max(initial=0) <= _LARGEST_COUNT:
                return values
    except (KeyError, TypeError, OverflowError, ValueError):
        pass
    listed = [_count(counts.get(metric)) for counts in told for metric in metrics]
    return np.array(listed, dtype=np.int64).reshape(shape)


def _count(value: object) -> int:
    """A count in any shape seen: a string of digits, a bare number, negative too; else not available."""
    number: object = value
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and re.fullmatch(r"-?\d+", value.strip()):
        number = int(value)
    if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) <= _LARGEST_COUNT:
        return int(number) if number == number // 1 else NOT_AVAILABLE
    return NOT_AVAILABLE


def _object(reply: Reply) -> dict[str, Any]:
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        if reply.status not in (_OK, _BAD_REQUEST):
            return {}
        raise TransientError("unreadable", f"status {reply.status}, and the body is not JSON") from error
    if not isinstance(body, dict):
        if reply.status not in (_OK, _BAD_REQUEST):
            return {}
        raise TransientError("unreadable", f"status {reply.status}, and the body is no JSON object")
    return body


def _messages(errors: object) -> Iterable[str]:
    """The texts of ``errors``: a list of strings, a list of objects with ``message``, or a bare string."""
    if isinstance(errors, str):
        yield errors
    elif isinstance(errors, list):
        for error in errors:
            if isinstance(error, str):
                yield error
            elif isinstance(error, dict):
                message = error.get("message", error.get("detail"))
                if isinstance(message, str):
                    yield message


def _is_rate_limit(errors: Sequence[str]) -> bool:
    return any("rate limit" in error.lower() or "too many requests" in error.lower() for error in errors)


def _forbidden(errors: Sequence[str]) -> tuple[dict[PostId, str | None], list[MetricName]]:
    """What errors name as forbidden: Posts, each with its author's ID where that is told; metrics."""
    post_ids: dict[PostId, str | None] = {}
    metrics: list[MetricName] = []
    for error in errors:
        named = error.rpartition(":")[2]
        if error.startswith("Forbidden to access tweets"):
            author = _FORBIDDEN_AUTHOR.match(error)
            for post_id in _post_ids(re.findall(r"\d+", named)):
                post_ids[post_id] = author[1] if author else post_ids.get(post_id)
        elif error.startswith("Forbidden to access metrics"):
            metrics.extend(MetricName(name) for name in re.findall(r"[a-z_]+", named))
    return post_ids, metrics


def _post_ids(listed: object) -> Iterable[PostId]:
    """The Post IDs of a list of strings or numbers; what is neither is passed over."""
    for item in listed if isinstance(listed, list) else ():
        number: object = item
        if isinstance(item, str) and len(item) <= _LONGEST_NUMBER and re.fullmatch(r"\d+", item.strip()):
            number = int(item)
        if isinstance(number, int) and not isinstance(number, bool) and 0 < number <= MAX_POST_ID:
            yield PostId(number)
