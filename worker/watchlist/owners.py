"""Whose the Posts are: each is on the lanes of its owner, and may change hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.board_metrics import sources_of
from worker.catalogue import Endpoint
from worker.watchlist.columns import Unsaved
from worker.watchlist.lanes import APP, Answers, Lane
from worker.watchlist.recipes import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from worker.model import MetricName, PostId, Sighting
    from worker.watchlist.columns import Columns
    from worker.watchlist.groups import Groups

NOBODY: Final = -1
"""In ``accounts``, of a Post that is known to be of none of them: no Sighting assigns it again."""


class Owners:
    """The lanes of the app and of each account, and who is on which.

    ``account_of`` tells of a Sighting to which of the ``accounts`` it belongs, counted from 1; ``APP`` for
    all others. ``rows`` is the Watchlist's own index.
    """

    def __init__(
        self,
        metrics: Sequence[MetricName],
        accounts: int,
        account_of: Callable[[Sighting], int],
        *,
        columns: Columns,
        rows: Mapping[PostId, int],
        groups: Groups,
        rate_floor: int,
    ) -> None:
        self._metrics = metrics
        self._columns = columns
        self._rows = rows
        self._groups = groups
        self._rate_floor = rate_floor
        self._answers = Answers()
        self._account_of = account_of if accounts else None
        self.app = self._lane(Endpoint.TOTALS, APP)
        endpoints = (Endpoint.TOTALS, Endpoint.LAST_28H) if len(columns.measured_28h) else (Endpoint.TOTALS,)
        self._lanes = [(self.app,)] + [
            tuple(self._lane(endpoint, account) for endpoint in endpoints)
            for account in range(1, accounts + 1)
        ]

    def lanes(self) -> Iterator[Lane]:
        """Every lane, the app's first."""
        for lanes in self._lanes:
            yield from lanes

    def totals_lane(self, row: int) -> Lane:
        """The lane that the totals of the Post in this row are asked for on."""
        return self._of(row)[0]

    def admit(self, fresh: Sequence[Sighting], rows: Sequence[int]) -> None:
        """These Posts are new, in these rows: they wait on the lanes of their owners."""
        if self._account_of is None:
            self.app.waiting.add(sighting.post_id for sighting in fresh)
            return
        for sighting, row in zip(fresh, rows, strict=True):
            self._put(sighting.post_id, row, self._account_of(sighting))

    def seen_again(self, sighting: Sighting, row: int) -> None:
        """The author of a Post that was nobody's so far may be known from now on."""
        if self._account_of is None or int(self._columns.accounts[row]) != APP:
            return
        account = self._account_of(sighting)
        if account != APP:
            self._move(sighting.post_id, row, account)

    def disown(self, post_ids: Iterable[PostId], lane: Lane, account_of: Mapping[PostId, int]) -> None:
        """The API says that these are not of the account of the lane that they were asked for on.

        They go to the account that it names, by ``account_of``, or else are nobody's from now on. Who moved
        to another lane meanwhile stays there.
        """
        for post_id in post_ids:
            row = self._rows.get(post_id)
            if row is not None and lane.holds(row):
                account = account_of.get(post_id, NOBODY)
                self._move(post_id, row, NOBODY if account == lane.account else account)

    def wait_again(self, post_id: PostId, endpoint: Endpoint) -> None:
        """A tracked Post waits on its owner's lane of this endpoint, where there is one."""
        self._answers.count += 1
        for lane in self._of(self._rows[post_id]):
            if lane.endpoint is endpoint:
                lane.waiting.add([post_id])

    def _of(self, row: int) -> tuple[Lane, ...]:
        if self._account_of is None:
            return self._lanes[APP]
        return self._lanes[max(int(self._columns.accounts[row]), APP)]

    def _move(self, post_id: PostId, row: int, account: int) -> None:
        # A measured one may be due at once where it comes to.
        self._answers.count += 1
        self._put(post_id, row, account)

    def readmit(self, post_ids: Iterable[PostId]) -> None:
        """These Posts are known from before: they wait on the lanes of their owners, where they must."""
        self._answers.count += 1
        if self._account_of is None:
            self.app.waiting.add(post_ids)
            return
        for post_id in post_ids:
            for lane in self._of(self._rows[post_id]):
                lane.waiting.add([post_id])

    def _put(self, post_id: PostId, row: int, account: int) -> None:
        self._columns.accounts[row] = account
        self._columns.unsaved[row] |= Unsaved.COUNTS
        for lane in self._of(row):
            lane.waiting.add([post_id])

    def _lane(self, endpoint: Endpoint, account: int) -> Lane:
        asked = sources_of(self._metrics, endpoint, owned=account != APP)
        return Lane(
            endpoint,
            account,
            asked,
            Recipe(self._metrics, endpoint, asked, self._rate_floor),
            columns=self._columns,
            rows=self._rows,
            groups=self._groups,
            alone=self._account_of is None,
            answers=self._answers,
            moved=self.wait_again,
        )
