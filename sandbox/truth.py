"""``GET /sandbox/truth``: what the API would have said at any time, without its limits, quota and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import numpy as np

from sandbox.messages import Answer, errors
from sandbox.world import METRICS, VIDEO_VIEWS, without_video_views

if TYPE_CHECKING:
    from sandbox.messages import Request
    from sandbox.world import World

MAX_IDS: Final = 1000
_MAX_POST_ID: Final = 2**63 - 1
_MAX_DIGITS: Final = 19
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


def truth(world: World, request: Request, now: int) -> Answer:
    """``ids``: Post IDs with commas between; ``at``: epoch seconds, else ``now``. Counts are numbers."""
    asked = parse_qs(request.query, keep_blank_values=True)
    faults = [f"{name}: unknown; there are ids and at" for name in asked if name not in ("ids", "at")]
    ids = [text for value in asked.get("ids", []) for text in value.split(",") if text]
    bad = [text for text in ids if not 0 < _number(text) <= _MAX_POST_ID]
    if bad:
        faults.append(f"ids: not a Post ID: {bad[0][:64]}")
    if not 1 <= len(ids) <= MAX_IDS:
        faults.append(f"ids: 1 to {MAX_IDS} Post IDs with commas between, not {len(ids)}")
    at = _number(asked["at"][-1]) if "at" in asked else now
    if not 0 <= at <= _LATEST:
        faults.append("at: whole seconds since 1970-01-01 UTC")
    if faults:
        return errors(400, *faults)
    return Answer(
        200, {"at": at, "posts": _posts(world, np.array([int(text) for text in ids], dtype=np.int64), at)}
    )


def _posts(world: World, post_ids: np.ndarray[tuple[int], np.dtype[np.int64]], at: int) -> dict[str, object]:
    gone = world.unavailable(post_ids, at).tolist()
    too_old = without_video_views(post_ids, at).tolist()
    posts: dict[str, object] = {}
    for post_id, row, is_gone, is_too_old in zip(
        post_ids.tolist(), world.counts(post_ids, at).tolist(), gone, too_old, strict=True
    ):
        counts: dict[str, int | None] = dict(zip(METRICS, row, strict=True))
        if is_too_old:
            counts[METRICS[VIDEO_VIEWS]] = None
        posts[str(post_id)] = {"available": not is_gone, "counts": counts}
    return posts


def _number(text: str) -> int:
    """A number of plain digits; -1 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else -1
