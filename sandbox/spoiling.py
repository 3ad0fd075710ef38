"""What becomes of the right answer when it meets a fault."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.catalogue import BESIDE
from sandbox.messages import Answer, errors
from sandbox.quota import rate_headers
from sandbox.tokens import UNAUTHENTICATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.asked import Asked

WHOLE: Final = frozenset({"slow", "plain", "numbers", "lists_only"})
"""Faults with which all counts arrive all the same."""

_ON_THE_WIRE: Final[dict[str, dict[str, Any]]] = {
    "cut_off": {"sent": 0.5},
    "hang_up": {"sent": 0.0},
    "plain": {"plain": True},
}

_STRANGER: Final = 17  # the author in an answer that is forbidden by a fault


def _page(status: int, title: str) -> Answer:
    text = f"{status} {title}"
    html = f"<html><head><title>{text}</title></head><body>{text}</body></html>".encode()
    return Answer(status, html, content_type="text/html")


_INSTEAD: Final = {
    "500": errors(500, "internal server error"),
    "502": errors(502, "Bad Gateway"),
    "503": errors(503, "Service Unavailable"),
    "401": UNAUTHENTICATED,
    "html": _page(502, "Bad Gateway"),
    "503_html": _page(503, "Service Unavailable"),
    "429_html": _page(429, "Too Many Requests"),
    "not_json": Answer(200, b"OK", content_type="text/plain"),
    "errors_string": Answer(500, {"errors": "internal server error"}),
}
"""What is sent in the right answer's place. Whoever sends it knows nothing of rates."""


def spoil(
    answer: Answer, fault: str, asked: Asked | None, *, slow_seconds: float, limit: int, now: float
) -> Answer:
    """The answer as the client gets it. ``limit``: the quota, told with a 429; ``now``: epoch seconds.

    Faults that change counts leave an answer without counts as it is.
    """
    if fault in _INSTEAD:
        return _INSTEAD[fault]
    if fault.startswith("429"):
        return _too_many(fault, limit, now)
    if fault.startswith("forbidden"):
        return _forbidden(fault, asked).with_headers(*answer.headers)
    if fault in _ON_THE_WIRE:
        return replace(answer, **_ON_THE_WIRE[fault])
    if fault == "slow":
        return replace(answer, delay=slow_seconds)
    return replace(answer, content=_changed(answer.content, fault, asked))


def _too_many(fault: str, limit: int, now: float) -> Answer:
    """As if another client of the same app had used the quota up."""
    full = rate_headers(limit, 0, now + 1) if limit else ()
    text = "Too Many Requests"
    told = (
        Answer(429, {"errors": [{"code": 88, "message": text}]})
        if fault == "429_objects"
        else errors(429, text)
    )
    return replace(told, plain=fault == "429_plain").with_headers(("Retry-After", "1"), *full)


def _forbidden(fault: str, asked: Asked | None) -> Answer:
    """As if the first Post belonged to another author."""
    first = asked.post_ids[0] if asked else 0
    by_author = f" for author id {_STRANGER}" if fault == "forbidden_authors" else ""
    text = f"Forbidden to access tweets{by_author}: {first}"
    return errors(200 if fault == "forbidden_200" else 403, text)


def _changed(content: Any, fault: str, asked: Asked | None) -> Any:  # noqa: ANN401 - any answer's JSON
    """The answer's JSON with other counts, or without its ``errors``."""
    if fault == "bad_json":
        whole = orjson.dumps(content)
        return whole[: len(whole) // 2]
    if asked is None or not isinstance(content, dict):
        return content
    if fault == "lists_only":
        lists = any(name.endswith("_tweet_ids") for name in content)
        return {name: part for name, part in content.items() if not (lists and name == "errors")}
    change = _CHANGES[fault]
    missing = asked.metrics[-1] if fault == "metric_missing" else ""
    return {
        name: part if name in BESIDE else _counts_changed(part, change, missing)
        for name, part in content.items()
    }


def _counts_changed(part: Any, change: Callable[[str], Any], missing: str) -> Any:  # noqa: ANN401 - JSON
    if isinstance(part, dict):
        return {
            label: _counts_changed(inner, change, missing)
            for label, inner in part.items()
            if label != missing
        }
    return change(part)


_CHANGES: Final[dict[str, Callable[[str], Any]]] = {
    "metric_missing": str,
    "negative": lambda count: str(-int(count) - 1),
    "numbers": int,
}
