"""``GET /sandbox/truth``: what the API would have said at any time, without its limits, quota and faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sandbox.catalogue import ENDPOINTS, HISTORICAL, OWNER_ONLY, TOTALS, column
from sandbox.messages import Answer, RefusedError, errors
from sandbox.queries import number, read_ids, read_query
from sandbox.series import summed
from sandbox.totals import all_totals, without_private
from sandbox.window import Reach, Window, last_28_hours, read_window
from sandbox.world import METRICS, VIDEO_VIEWS, without_video_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox.accounts import Accounts
    from sandbox.messages import Request
    from sandbox.world import IntArray, World

_KNOWN: Final = ("ids", "at", "endpoint", "start", "end")
_LATEST: Final = 253_402_297_200  # the last whole hour of the year 9999
_EVER: Final = Reach(0, 0)


@dataclass(frozen=True, slots=True)
class Truth:
    """Tells of any Post, also of those that are gone or another's."""

    world: World
    accounts: Accounts

    def answer(self, request: Request, now: float) -> Answer:
        """``ids``: Post IDs with commas between; ``at``: epoch seconds, else ``now``. Counts are numbers.

        With ``endpoint`` it tells all metrics of that one, and authors; of ``historical`` for the window from
        ``start`` to ``end``, which are read as the API reads them. Without, the public metrics of totals.
        """
        query, faults = read_query(request, _KNOWN)
        ids = read_ids(query)
        if isinstance(ids, Answer):
            faults += ids.content["errors"]
        at = number(query["at"]) if "at" in query else int(now)
        if not 0 <= at <= _LATEST:
            faults.append("at: whole seconds since 1970-01-01 UTC")
        name = query.get("endpoint", "")
        if "endpoint" in query and name not in (endpoint.name for endpoint in ENDPOINTS):
            faults.append(f"endpoint: {', '.join(endpoint.name for endpoint in ENDPOINTS)}")
        if name != HISTORICAL.name and ("start" in query or "end" in query):
            faults.append("start, end: with endpoint=historical only")
        if faults or isinstance(ids, Answer):
            return errors(400, *faults)
        post_ids = np.array(ids, dtype=np.int64)
        try:
            return Answer(200, self._told(post_ids, name, at, query))
        except RefusedError as refusal:
            return refusal.answer

    def _told(self, post_ids: IntArray, name: str, at: int, query: Mapping[str, str]) -> dict[str, object]:
        authors: Sequence[int] | None = self.accounts.authors(post_ids).tolist() if name else None
        if name in ("", TOTALS.name):
            metrics = TOTALS.metrics if name else METRICS
            return {
                "at": at,
                "posts": self._posts(post_ids, at, _totals(self.world, post_ids, at, metrics), authors),
            }
        if name == HISTORICAL.name:
            window: Window = read_window(query.get("start"), query.get("end"), _EVER, at)
        else:
            window = last_28_hours(at)
        gains = summed(self.world, post_ids, window, at)[:, [column(metric) for metric in HISTORICAL.metrics]]
        counts = (dict(zip(HISTORICAL.metrics, row, strict=True)) for row in gains.tolist())
        return {"at": at, **window.as_json(), "posts": self._posts(post_ids, at, counts, authors)}

    def _posts(
        self,
        post_ids: IntArray,
        at: int,
        counts: Iterator[dict[str, int | None]],
        authors: Sequence[int] | None,
    ) -> dict[str, object]:
        gone = self.world.unavailable(post_ids, at).tolist()
        posts: dict[str, object] = {}
        for place, (post_id, of_post) in enumerate(zip(post_ids.tolist(), counts, strict=True)):
            author = {} if authors is None else {"author_id": str(authors[place])}
            posts[str(post_id)] = {"available": not gone[place], **author, "counts": of_post}
        return posts


def _totals(
    world: World, post_ids: IntArray, at: int, metrics: Sequence[str]
) -> Iterator[dict[str, int | None]]:
    """The totals of each Post; ``None`` where the Post is too old for the metric."""
    told = all_totals(world, post_ids, at)[:, [column(name) for name in metrics]].tolist()
    no_views = without_video_views(post_ids, at).tolist()
    no_private = without_private(post_ids, at).tolist()
    for place, row in enumerate(told):
        yield {
            name: None
            if (no_views[place] and name == METRICS[VIDEO_VIEWS])
            or (no_private[place] and name in OWNER_ONLY)
            else count
            for name, count in zip(metrics, row, strict=True)
        }
