"""Reading the API's answers: counts, lists of Posts that are gone, errors in all their shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from worker.engagement.errors import RefusedError, StoppedError, TransientError
from worker.model import NOT_AVAILABLE, MetricName, PostId, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.engagement.transport import Reply
    from worker.model import IntArray

GROUPING: Final = "by_post"
_UNSUPPORTED: Final = {
    "unsupported_for_video_views_tweet_ids": ("video_views",),
    "unsupported_for_impressions_engagements_tweet_ids": ("impressions", "engagements"),
}
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 200, 400, 401, 403, 429
_SERVER_ERRORS: Final = 500
_LONGEST_COUNT: Final = 18


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer said: counts of some Posts, and Posts that are gone. The rest it was silent about."""

    post_ids: IntArray
    values: IntArray
    unavailable: frozenset[PostId]


class UnauthorizedError(StoppedError):
    """The token was refused."""


def read(reply: Reply, post_ids: Sequence[PostId], metrics: Sequence[MetricName]) -> Answer:
    """The answer to a totals request for these Posts and metrics.

    Raises:
        TransientError: for 429, 5xx, HTML, bodies that are cut off or are not JSON.
        RefusedError: for 400 and 403 that blame the request, with the Posts or metrics they name.
        UnauthorizedError: for 401.
        StoppedError: for other statuses, which no other request would be spared.
    """
    if reply.status == _TOO_MANY or reply.status >= _SERVER_ERRORS:
        raise TransientError(str(reply.status), f"the API answered {reply.status}")
    body = _object(reply)
    errors = [*_messages(body.get("errors"))]
    if reply.status == _UNAUTHORIZED:
        raise UnauthorizedError(
            "the API refused the token (401): check engagement.bearer_token, or the consumer key"
        )
    if any("rate limit" in error.lower() or "too many requests" in error.lower() for error in errors):
        raise TransientError("429", "the API says that the rate limit is reached")
    unavailable = frozenset(_post_ids(body.get("unavailable_tweet_ids")))
    group = body.get(GROUPING)
    if reply.status in (_OK, _BAD_REQUEST) and (isinstance(group, dict) or unavailable):
        return _counts(body, group if isinstance(group, dict) else {}, post_ids, metrics, unavailable)
    raise _refusal(reply.status, errors)


def measured_at(reply: Reply, otherwise: Timestamp) -> Timestamp:
    """The answer's ``Date``, which its counts are as of; ``otherwise`` where it has none that can be read."""
    try:
        moment = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return otherwise
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017 -- read as GMT, as HTTP has it
    return Timestamp(moment.timestamp())


def _counts(
    body: Mapping[str, Any],
    group: Mapping[str, Any],
    post_ids: Sequence[PostId],
    metrics: Sequence[MetricName],
    unavailable: frozenset[PostId],
) -> Answer:
    asked = [(post_id, group.get(str(post_id))) for post_id in post_ids]
    told = [(post_id, counts) for post_id, counts in asked if isinstance(counts, dict)]
    told = [pair for pair in told if pair[0] not in unavailable]
    values = _values([counts for _, counts in told], metrics)
    found = np.array([post_id for post_id, _ in told], dtype=np.int64)
    for key, names in _UNSUPPORTED.items():
        columns = [column for column, metric in enumerate(metrics) if metric in names]
        if columns and key in body:
            # There the API writes "0" for a metric that it does not have: not available is not 0.
            rows = np.flatnonzero(np.isin(found, list(_post_ids(body[key]))))
            values[rows[:, np.newaxis], columns] = NOT_AVAILABLE
    return Answer(found, values, unavailable)


def _values(told: Sequence[Mapping[str, Any]], metrics: Sequence[MetricName]) -> IntArray:
    """Counts of shape (Posts, metrics). Quick where all are strings of digits, as they are as a rule."""
    shape = len(told), len(metrics)
    try:
        listed = [counts[metric] for counts in told for metric in metrics]
        if all(map(str.isdecimal, listed)):
            return np.fromiter(map(int, listed), dtype=np.int64, count=len(listed)).reshape(shape)
    except (KeyError, TypeError, OverflowError, ValueError):
        pass
    listed = [_count(counts.get(metric)) for counts in told for metric in metrics]
    return np.array(listed, dtype=np.int64).reshape(shape)


def _count(value: object) -> int:
    """A count in any shape seen: a string of digits, a bare number, negative too; else not available."""
    if isinstance(value, str) and len(value) <= _LONGEST_COUNT and re.fullmatch(r"-?\d+", value.strip()):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return int(value)
    return NOT_AVAILABLE


def _object(reply: Reply) -> dict[str, Any]:
    try:
        body = orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        if reply.status in (_UNAUTHORIZED, _FORBIDDEN):
            return {}
        raise TransientError("unreadable", f"status {reply.status}, and the body is not JSON") from error
    if not isinstance(body, dict):
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
                yield str(error.get("message", error.get("detail", "")))


def _refusal(status: int, errors: Sequence[str]) -> RefusedError | StoppedError | TransientError:
    post_ids: list[PostId] = []
    metrics: list[MetricName] = []
    for error in errors:
        if error.startswith("Forbidden to access tweets"):
            post_ids.extend(_post_ids(re.findall(r"\d+", error.rpartition(":")[2])))
        elif error.startswith("Forbidden to access metrics"):
            metrics.extend(MetricName(name) for name in re.findall(r"[a-z_]+", error.rpartition(":")[2]))
    said = "; ".join(errors)[:300] or "no reason given"
    if post_ids or metrics or status == _BAD_REQUEST:
        return RefusedError(f"{status}: {said}", post_ids, metrics)
    if status == _OK:
        return TransientError("unreadable", f"an answer without data: {said}")
    return StoppedError(
        f"the API answered {status} ({said}): check engagement.url and what the app may access"
    )


def _post_ids(listed: object) -> Iterable[PostId]:
    """The Post IDs of a list of strings or numbers; what is neither is passed over."""
    for item in listed if isinstance(listed, list) else ():
        text = str(item).strip()
        if text.isascii() and text.isdigit():
            yield PostId(int(text))
