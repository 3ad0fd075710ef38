"""What of the Watchlist the journal lacks; and Posts taken back from it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from worker.board_metrics import board_metric
from worker.model import Growing, MetricName, PostId, SavedPost, creation_times
from worker.watchlist.columns import State, Unsaved, author_number
from worker.watchlist.lanes import APP
from worker.watchlist.owners import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from worker.model import FloatArray, Seconds, Timestamp
    from worker.watchlist.columns import Columns
    from worker.watchlist.groups import Groups
    from worker.watchlist.owners import Owners
    from worker.watchlist.shares import Shares

_REFRESH: Final = 20
"""Intervals after which a Post is told again although only the time of its measurement changed."""


_NO_WORDS: Final = (None, None)

_LONG_AGO: Final = 1.0
"""A moment in 1970: told before, and not since."""


class Saving:
    """Finds what must be told to the journal, tells it as ``SavedPost``, and restores such.

    Works on the Watchlist's own parts: ``rows`` is its index, ``words`` the authors and texts.
    """

    def __init__(
        self,
        metrics: Sequence[MetricName],
        *,
        columns: Columns,
        rows: dict[PostId, int],
        words: dict[PostId, tuple[str | None, str | None]],
        groups: Groups,
        shares: Shares,
        owners: Owners,
    ) -> None:
        self._metrics = metrics
        self._grown = [MetricName(m) for m in metrics if board_metric(m).kind == "per_hour"]
        self._columns = columns
        self._rows = rows
        self._words = words
        self._groups = groups
        self._shares = shares
        self._owners = owners

    # To the journal

    def measured(self, rows: NDArray[np.intp], old: FloatArray, new: FloatArray) -> None:
        """The Posts in these rows were answered; their values before and now have a row each."""
        same = ((old == new) | (np.isnan(old) & np.isnan(new))).all(axis=1)
        # That it was measured at all is news too, where no counts are available.
        same &= self._columns.states[rows] == State.MEASURED
        what = np.where(same, np.int8(Unsaved.TIME), np.int8(Unsaved.COUNTS))
        self._columns.unsaved[rows] |= what

    def settled(self, post_ids: Sequence[PostId]) -> bool:
        """Whether each of these is told, gone, or was measured, so that one record tells all of it."""
        columns = self._columns
        rows = self._known(post_ids)
        waits = (columns.unsaved[rows] & Unsaved.SIGHTING != 0) & (columns.states[rows] == State.NEW)
        return not bool(waits.any())

    def unsaved(self, post_ids: Sequence[PostId]) -> NDArray[np.intp]:
        """The rows of those of these Posts whose Sighting the journal does not have."""
        rows = self._known(post_ids)
        return np.unique(rows[self._columns.unsaved[rows] & Unsaved.SIGHTING != 0])

    def due(self, now: Timestamp, interval: Seconds, limit: int) -> NDArray[np.intp]:
        """Rows of Posts told before that changed since, those first whose last record is oldest.

        At most ``limit`` of them, and each at most every ``interval`` seconds, but what must be erased at
        once. Who was never told is told with the batch that it came in.
        """
        columns = self._columns
        changed = columns.unsaved != Unsaved.NOTHING
        # Of the many only the few that changed are looked at closer.
        rows = np.flatnonzero(changed)
        states, saved_at = columns.states[rows], columns.saved_at[rows]
        wait = np.where(columns.unsaved[rows] == Unsaved.TIME, _REFRESH * interval, interval)
        # A clock that was ahead for a while must not stop it for as long.
        told = (saved_at > 0) & ((saved_at + wait <= now) | (saved_at > now + wait))
        erased = (states == State.UNAVAILABLE) & (columns.unsaved[rows] & Unsaved.SIGHTING != 0)
        due = told | erased
        rows, since = rows[due], np.where(erased, 0.0, saved_at)[due]
        if len(rows) > limit:
            rows = rows[np.argpartition(since, limit)[:limit]]
        return rows  # type: ignore[no-any-return]

    def unsaved_of(self, partition: int, limit: int) -> NDArray[np.intp]:
        """Rows of Posts of a partition that the journal does not have as they are, at most ``limit``.

        Those first that are to be erased or joined campaigns, and last those whose counts are the same.
        """
        columns = self._columns
        rows = np.flatnonzero((columns.partitions == partition) & (columns.unsaved != Unsaved.NOTHING))
        if len(rows) > limit:
            lacks = columns.unsaved[rows]
            matters = np.where(lacks & Unsaved.SIGHTING, 0, np.where(lacks & Unsaved.COUNTS, 1, 2))
            rows = rows[np.argsort(matters, kind="stable")[:limit]]
        return rows

    def tell(
        self, rows: NDArray[np.intp], now: Timestamp, account_name: Callable[[int], str | None]
    ) -> list[tuple[int, SavedPost]]:
        """The Posts in these rows as they are, each with its partition; they count as told from now on."""
        columns = self._columns
        columns.unsaved[rows] = Unsaved.NOTHING
        columns.saved_at[rows] = now
        return list(zip(columns.partitions[rows].tolist(), self._posts(rows, account_name), strict=True))

    def mark(self, post_id: PostId) -> bool:
        """A tracked Post must be told again, and soon; whether it is tracked."""
        row = self._rows.get(post_id)
        if row is not None:
            self._columns.unsaved[row] = Unsaved.SIGHTING
            self._columns.saved_at[row] = min(self._columns.saved_at[row], _LONG_AGO)
        return row is not None

    def _known(self, post_ids: Sequence[PostId]) -> NDArray[np.intp]:
        get = self._rows.get
        return np.array([row for one in post_ids if (row := get(one)) is not None], dtype=np.intp)

    def _posts(
        self, rows: NDArray[np.intp], account_name: Callable[[int], str | None]
    ) -> Iterator[SavedPost]:
        """Column by column: to ask an array of numpy's for one number costs ten times its share of a list."""
        columns, nothing = self._columns, [0] * len(rows)
        told = zip(
            columns.post_ids[rows].tolist(),
            columns.groups[rows].tolist(),
            columns.seen[rows].tolist(),
            columns.measured[rows].tolist(),
            columns.states[rows].tolist(),
            columns.values[rows].tolist(),
            columns.measured_28h[rows].tolist() if len(columns.measured_28h) else nothing,
            columns.accounts[rows].tolist() if len(columns.accounts) else nothing,
            self._growing(columns.base, columns.base_at, rows),
            self._growing(columns.kept, columns.kept_at, rows),
            strict=True,
        )
        for post_id, group, seen_at, measured_at, state, values, recent_at, account, base, kept in told:
            author, text = self._words.get(post_id, _NO_WORDS)
            yield SavedPost(
                post_id,
                self._groups.campaigns_of(group)[1:],
                seen_at,
                author,
                text,
                measured_at or None,
                state == State.UNAVAILABLE,
                _known(self._metrics, values) if measured_at or recent_at else {},
                recent_at or None,
                base,
                kept,
                account_name(account) if account > APP else None,
                account == NOBODY,
            )

    def _growing(self, counts: FloatArray, at: FloatArray, rows: NDArray[np.intp]) -> list[Growing | None]:
        if not self._grown:
            return [None] * len(rows)
        told = zip(at[rows].tolist(), counts[rows].tolist(), strict=True)
        return [Growing(since, _known(self._grown, values)) if since else None for since, values in told]

    # From the journal

    def restore(
        self,
        partition: int,
        posts: Sequence[SavedPost],
        now: Timestamp,
        account_of: Callable[[SavedPost], int],
    ) -> None:
        """Take Posts back, over what is known of them; each once, and there must be room for them all.

        They are held back from planners, as if in flight, until ``release``: a later record of the journal
        may tell more of them. Metrics that no board is of any more are let go of.
        """
        if not posts:
            return
        columns = self._columns
        fresh = [post.post_id for post in posts if post.post_id not in self._rows]
        for post_id, row in zip(fresh, columns.take(len(fresh)), strict=True):
            self._rows[post_id] = row
        for post in posts:
            row = self._rows[post.post_id]
            if int(columns.states[row]) != State.FREE:
                number = int(columns.groups[row])
                self._shares.take(partition, self._groups.campaigns_of(number))
                self._groups.leave(number)
        rows = np.array([self._rows[post.post_id] for post in posts], dtype=np.intp)
        ids = np.array([post.post_id for post in posts], dtype=np.int64)
        columns.post_ids[rows] = ids
        columns.partitions[rows] = partition
        numbers = [self._groups.join(post.campaigns) for post in posts]
        columns.groups[rows] = numbers
        for number, count in Counter(numbers).items():
            self._shares.add(partition, self._groups.campaigns_of(number), count)
        columns.created[rows] = creation_times(ids)
        columns.seen[rows] = np.minimum([post.seen_at for post in posts], now)
        measured = np.array([post.measured_at or 0.0 for post in posts])
        columns.measured[rows] = columns.asked[rows] = measured
        columns.values[rows] = self._table(self._metrics, [post.values for post in posts])
        states = np.where(measured > 0, np.int8(State.MEASURED), np.int8(State.NEW))
        states[[post.gone for post in posts]] = State.UNAVAILABLE
        columns.states[rows] = states
        # One that is in a request after all, because it was let go of early, is not held back by us.
        columns.restoring[rows] |= ~columns.in_flight[rows]
        columns.in_flight[rows] = True
        columns.unsaved[rows] = Unsaved.NOTHING
        columns.saved_at[rows] = now
        self._restore_growth(rows, posts)
        if len(columns.measured_28h):
            recent = [post.measured_28h_at or 0.0 for post in posts]
            columns.measured_28h[rows] = columns.asked_28h[rows] = recent
            columns.in_flight_28h[rows] = True
        if len(columns.accounts):
            columns.accounts[rows] = [NOBODY if post.not_owned else account_of(post) for post in posts]
        columns.authors[rows] = [author_number(post.author) for post in posts]
        for post in posts:
            if post.author or post.text:
                self._words[post.post_id] = (post.author, post.text)
            else:
                self._words.pop(post.post_id, None)

    def release(self, partition: int | None = None) -> list[PostId]:
        """Planners may have the Posts of a partition, as all of it is restored; returns them all.

        Without a partition: whatever is held back, of all partitions, and it returns just those.
        """
        columns = self._columns
        if partition is None:
            rows = np.flatnonzero(columns.restoring)
        else:
            rows = np.flatnonzero((columns.partitions == partition) & (columns.states != State.FREE))
        held = rows[columns.restoring[rows]]
        columns.restoring[held] = columns.in_flight[held] = False
        waiting = columns.states[held] == State.NEW
        if len(columns.measured_28h):
            columns.in_flight_28h[held] = False
            waiting |= columns.measured_28h[held] == 0
        waiting = held[waiting]
        self._owners.readmit(columns.post_ids[waiting[np.argsort(columns.seen[waiting])]].tolist())
        return columns.post_ids[rows].tolist()  # type: ignore[no-any-return]

    def _restore_growth(self, rows: NDArray[np.intp], posts: Sequence[SavedPost]) -> None:
        if not self._grown:
            return
        columns = self._columns
        for counts, at, growing in (
            (columns.base, columns.base_at, [post.base for post in posts]),
            (columns.kept, columns.kept_at, [post.kept for post in posts]),
        ):
            at[rows] = [one.at if one is not None else 0.0 for one in growing]
            counts[rows] = self._table(self._grown, [{} if one is None else one.counts for one in growing])

    def _table(
        self, metrics: Sequence[MetricName], values: Sequence[Mapping[MetricName, float]]
    ) -> FloatArray:
        nan = float("nan")
        return np.array([[one.get(metric, nan) for metric in metrics] for one in values]).reshape(
            len(values), len(metrics)
        )


def _known(metrics: Sequence[MetricName], values: Sequence[float]) -> dict[MetricName, float]:
    """By metric, without those not available."""
    pairs = zip(metrics, values, strict=True)
    return {metric: value for metric, value in pairs if value == value}  # noqa: PLR0124 -- nan
