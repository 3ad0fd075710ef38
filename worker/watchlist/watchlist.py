"""The Watchlist: which Posts are tracked, what is known of each, and since when."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from worker.board_metrics import board_metric, sources_of
from worker.catalogue import Endpoint
from worker.model import PostId, Seconds, creation_times
from worker.watchlist.columns import Columns, State, Unsaved, author_number
from worker.watchlist.competitors import Competitors
from worker.watchlist.groups import Groups
from worker.watchlist.lanes import APP
from worker.watchlist.owners import Owners
from worker.watchlist.recipes import Growth
from worker.watchlist.saving import Saving
from worker.watchlist.shapes import Added, Change, Tracked
from worker.watchlist.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.model import Counts, MetricName, Sighting, Timestamp
    from worker.watchlist.lanes import Lane
    from worker.watchlist.shapes import Place, WatchlistLimits


class Watchlist:
    """The tracked Posts of this worker's partitions.

    ``metrics`` are those that boards are of. ``accounts`` is how many accounts there are whose Posts are
    asked for with their own tokens, and ``account_of`` tells of a Sighting to which of them it belongs,
    counted from 1; ``APP`` for all others. ``rate_floor``: impressions below which there is no engagement
    rate. Not safe for threads: one loop owns it.
    """

    def __init__(
        self,
        metrics: Sequence[MetricName],
        limits: WatchlistLimits,
        *,
        accounts: int = 0,
        account_of: Callable[[Sighting], int] = lambda _: APP,
        rate_floor: int = 1,
    ) -> None:
        self.metrics = tuple(metrics)
        self.limits = limits
        self.groups = Groups(limits.max_campaigns)
        self.shares = Shares()
        grown = sum(board_metric(metric).kind == "per_hour" for metric in metrics)
        recent = sources_of(metrics, Endpoint.LAST_28H, owned=True)
        self.columns = Columns(
            len(metrics), grown, accounts=accounts > 0, last_28h=accounts > 0 and bool(recent)
        )
        self.competitors = Competitors(self.metrics, self.columns, self.groups)
        self._rows: dict[PostId, int] = {}
        self._words: dict[PostId, tuple[str | None, str | None]] = {}
        self.owners = Owners(
            metrics,
            accounts,
            account_of,
            columns=self.columns,
            rows=self._rows,
            groups=self.groups,
            rate_floor=rate_floor,
        )
        self.app = self.owners.app
        self.saving = Saving(
            self.metrics,
            columns=self.columns,
            rows=self._rows,
            words=self._words,
            groups=self.groups,
            shares=self.shares,
            owners=self.owners,
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, post_id: PostId) -> bool:
        return post_id in self._rows

    # What comes in

    def add(self, partition: int, sightings: Sequence[Sighting], now: Timestamp) -> Added:
        """Track the Posts of some Sightings; of those that are tracked already, unite the campaigns.

        Takes them in order until the Watchlist is full; ``taken`` says how many. What a clock ahead of ours
        saw counts as seen ``now``: else it would wait for its first request until then.
        """
        fresh: dict[PostId, Sighting] = {}
        known: list[Sighting] = []
        room = self.limits.max_posts - len(self._rows)
        for sighting in sightings:
            if sighting.post_id in self._rows or sighting.post_id in fresh:
                known.append(sighting)
            elif len(fresh) < room:
                fresh[sighting.post_id] = sighting
            else:
                break
        self._admit(partition, list(fresh.values()), now)
        joined = tuple(sighting.post_id for sighting in known if self._join(sighting))
        return Added(len(fresh) + len(known), len(fresh), joined)

    def fits(self, post_ids: Sequence[PostId]) -> int:
        """How many of these Posts, in order, there is room for; those that are tracked need none."""
        room = self.limits.max_posts - len(self._rows)
        if room >= len(post_ids):
            return len(post_ids)
        for number, post_id in enumerate(post_ids):
            room -= post_id not in self._rows
            if room < 0:
                return number
        return len(post_ids)

    def _admit(self, partition: int, fresh: Sequence[Sighting], now: Timestamp) -> None:
        if not fresh:
            return
        free = self.columns.take(len(fresh))
        columns, rows = self.columns, np.array(free)
        ids = np.array([sighting.post_id for sighting in fresh], dtype=np.int64)
        columns.post_ids[rows] = ids
        columns.partitions[rows] = partition
        numbers = [self.groups.join(sighting.campaigns) for sighting in fresh]
        columns.groups[rows] = numbers
        for number, posts in Counter(numbers).items():
            self.shares.add(partition, self.groups.campaigns_of(number), posts)
        columns.created[rows] = creation_times(ids)
        columns.seen[rows] = np.minimum([sighting.seen_at for sighting in fresh], now)
        columns.asked[rows] = 0
        columns.measured[rows] = 0
        columns.values[rows] = np.nan
        if len(columns.kept_at):
            columns.kept_at[rows] = 0
            columns.base_at[rows] = 0
        if len(columns.measured_28h):
            columns.asked_28h[rows] = 0
            columns.measured_28h[rows] = 0
        columns.states[rows] = State.NEW
        columns.unsaved[rows] = Unsaved.SIGHTING
        columns.saved_at[rows] = 0
        columns.authors[rows] = [author_number(sighting.author) for sighting in fresh]
        for sighting, row in zip(fresh, free, strict=True):
            self._rows[sighting.post_id] = row
            if sighting.author or sighting.text:
                self._words[sighting.post_id] = (sighting.author, sighting.text)
        self.owners.admit(fresh, free)

    def _join(self, sighting: Sighting) -> bool:
        """Unite a tracked Post with a further Sighting of it; whether it has joined campaigns."""
        row = self._rows[sighting.post_id]
        if sighting.author or sighting.text:
            self._add_words(sighting, row)
        self.owners.seen_again(sighting, row)
        before = int(self.columns.groups[row])
        campaigns = self.groups.campaigns_of(before)
        if all(campaign in campaigns for campaign in sighting.campaigns):
            return False
        after = self.groups.join(tuple(sorted({*campaigns, *sighting.campaigns})))
        self.columns.groups[row] = after
        if after != before:
            self.columns.unsaved[row] = Unsaved.SIGHTING
        self.groups.leave(before)
        if after == before:
            return False
        joined = [one for one in self.groups.campaigns_of(after) if one not in campaigns]
        self.shares.add(int(self.columns.partitions[row]), joined)
        return True

    def _add_words(self, sighting: Sighting, row: int) -> None:
        """Keep what was not known yet; of a Post that is gone nothing."""
        author, text = self.words(sighting.post_id)
        if (author is None or text is None) and self._state(row) != State.UNAVAILABLE:
            words = (author or sighting.author, text or sighting.text)
            if words != (author, text):
                self._words[sighting.post_id] = words
                self.columns.authors[row] = author_number(words[0])
                self.columns.unsaved[row] = Unsaved.SIGHTING

    def _state(self, row: int) -> int:
        """As an int: to compare a number of numpy's with a ``State`` takes fifty times as long."""
        return int(self.columns.states[row])

    # What is answered

    def record(self, counts: Counts, lane: Lane | None = None) -> Change:
        """Take an answer to a lane; to the app's where none is named.

        Posts that are not tracked any more, or are known from later, are left out.
        """
        lane = lane or self.app
        found = [
            (i, self._rows.get(PostId(post_id), -1)) for i, post_id in enumerate(counts.post_ids.tolist())
        ]
        picks = np.array([i for i, row in found if row >= 0], dtype=np.intp)
        rows = np.array([row for _, row in found if row >= 0], dtype=np.intp)
        columns = self.columns
        lane.landed(rows)
        newer = lane.measured[rows] <= counts.measured_at
        if lane.endpoint is Endpoint.LAST_28H:
            # Totals heard meanwhile that it is gone: it must not come back to the boards.
            newer &= columns.states[rows] != State.UNAVAILABLE
        picks, rows = picks[newer], rows[newer]

        old = columns.values[rows]
        new = old.copy()
        growth = Growth(columns, rows, counts.measured_at, self.limits.growth_window)
        lane.recipe.fill(new, counts.values[picks], growth)
        columns.values[rows] = new
        lane.measured[rows] = counts.measured_at
        self.saving.measured(rows, old, new)
        if lane.endpoint is Endpoint.TOTALS:
            self._come_back(rows[columns.states[rows] == State.UNAVAILABLE])
            columns.states[rows] = State.MEASURED
        return Change(counts.post_ids[picks], self._places(rows), old, new)

    def _come_back(self, rows: NDArray[np.intp]) -> None:
        """Posts that were gone wait for the last 28 hours again, where those were never measured."""
        if len(self.columns.measured_28h):
            for post_id in self.columns.post_ids[rows[self.columns.measured_28h[rows] == 0]].tolist():
                self.owners.wait_again(PostId(post_id), Endpoint.LAST_28H)

    def set_aside_28h(self, post_ids: Iterable[PostId], at: Timestamp, lane: Lane) -> Change:
        """The last 28 hours of these cannot be had: not available, and not asked for at once again."""
        rows = np.array([self._rows[one] for one in post_ids if one in self._rows], dtype=np.intp)
        lane.landed(rows)
        old = self.columns.values[rows]
        new = old.copy()
        lane.recipe.clear(new)
        self.columns.values[rows] = new
        lane.measured[rows] = at
        self.saving.measured(rows, old, new)
        return Change(self.columns.post_ids[rows], self._places(rows), old, new)

    def mark_unavailable(
        self, post_ids: Iterable[PostId], at: Timestamp, lane: Lane | None = None
    ) -> list[tuple[PostId, Place]]:
        """These Posts are gone for now: values and words are erased. Returns where they competed."""
        lane = lane or self.app
        gone = []
        for post_id in post_ids:
            row = self._rows.get(post_id)
            if row is None:
                continue
            lane.landed(np.array([row]))
            self.columns.states[row] = State.UNAVAILABLE
            self.columns.measured[row] = at
            self.columns.values[row] = np.nan
            self._words.pop(post_id, None)
            self.columns.authors[row] = 0
            self.columns.unsaved[row] = Unsaved.SIGHTING
            gone.append((post_id, self.place(post_id)))
        return gone

    # What leaves

    def remove(self, post_id: PostId) -> Place | None:
        """Stop tracking a Post and erase it. Returns where it competed; ``None`` if it was not tracked."""
        row = self._rows.get(post_id)
        if row is None:
            return None
        place = self.place(post_id)
        del self._rows[post_id]
        self._words.pop(post_id, None)
        self.groups.leave(int(self.columns.groups[row]))
        self.shares.take(*place)
        self.columns.give_back([row])
        return place

    def drop_partition(self, partition: int) -> int:
        """Forget a partition that another worker has now; returns how many Posts it had."""
        columns = self.columns
        rows = np.flatnonzero((columns.partitions == partition) & (columns.states != State.FREE))
        for post_id in columns.post_ids[rows].tolist():
            del self._rows[post_id]
            self._words.pop(post_id, None)
        for group, posts in zip(*np.unique(columns.groups[rows], return_counts=True), strict=True):
            self.groups.leave(int(group), int(posts))
        self.shares.drop(partition)
        columns.give_back(rows.tolist())
        for lane in self.owners.lanes():
            lane.waiting.keep(self._rows.__contains__)
        return len(rows)

    def expired(self, now: Timestamp) -> list[PostId]:
        """Posts that were measured and whose tracking window is over; who is on a board may stay."""
        columns = self.columns
        window = self.limits.tracking_window
        over = (columns.states >= State.MEASURED) & (columns.born() + window < now)
        if len(columns.accounts):
            # Where the API refuses an account's tokens, its Posts would wait for ever, and take all the room.
            waited = (columns.states == State.NEW) & (columns.accounts > APP)
            over |= waited & (columns.seen + window < now)
        over &= ~columns.in_flight
        return [PostId(post_id) for post_id in columns.post_ids[over].tolist()]

    # What is known

    def is_idle(self, post_id: PostId) -> bool:
        """Whether a Post is tracked, and is neither asked for at the moment nor held back."""
        row = self._rows.get(post_id)
        if row is None:
            return False
        columns = self.columns
        return not (columns.in_flight[row] or (len(columns.in_flight_28h) and columns.in_flight_28h[row]))

    def longest_unasked(self, now: Timestamp) -> Seconds:
        """How long the Post that waits longest was not asked for, or not yet; of those that are not gone."""
        columns = self.columns
        there = (columns.states == State.NEW) | (columns.states == State.MEASURED)
        since = np.maximum(columns.asked, columns.seen)[there & ~columns.in_flight]
        return Seconds(max(0.0, now - float(since.min(initial=now))))

    def lane_of(self, post_id: PostId) -> Lane:
        """The lane that a tracked Post's totals are asked for on."""
        return self.owners.totals_lane(self._rows[post_id])

    def place(self, post_id: PostId) -> Place:
        """Where a tracked Post competes."""
        row = self._rows[post_id]
        return int(self.columns.partitions[row]), self.groups.campaigns_of(int(self.columns.groups[row]))

    def change_of(self, post_ids: Sequence[PostId]) -> Change:
        """The values of some Posts as if all were new: for boards that they have just joined."""
        rows = np.array([self._rows[post_id] for post_id in post_ids], dtype=np.intp)
        rows = rows[~np.isnan(self.columns.values[rows]).all(axis=1)]
        new = self.columns.values[rows]
        return Change(self.columns.post_ids[rows], self._places(rows), np.full_like(new, np.nan), new)

    def tracked(self, post_id: PostId) -> Tracked | None:
        """All that is known of a Post; ``None`` when it is not tracked."""
        row = self._rows.get(post_id)
        if row is None:
            return None
        columns, (partition, campaigns) = self.columns, self.place(post_id)
        created, measured = float(columns.created[row]), float(columns.measured[row])
        values = zip(self.metrics, columns.values[row].tolist(), strict=True)
        author, text = self.words(post_id)
        return Tracked(
            post_id=post_id,
            state=State(self._state(row)),
            partition=partition,
            campaigns=campaigns,
            created_at=None if np.isnan(created) else created,  # type: ignore[arg-type]
            seen_at=float(columns.seen[row]),  # type: ignore[arg-type]
            measured_at=measured or None,  # type: ignore[arg-type]
            values={metric: value for metric, value in values if not np.isnan(value)},
            author=author,
            text=text,
        )

    def words(self, post_id: PostId) -> tuple[str | None, str | None]:
        """Author and text of a Post, each ``None`` when not known."""
        return self._words.get(post_id, (None, None))

    def row(self, post_id: PostId) -> int:
        """The row of a tracked Post in ``columns``."""
        return self._rows[post_id]

    def measured_at(self, post_id: PostId, endpoint: Endpoint = Endpoint.TOTALS) -> Timestamp:
        """When a tracked Post was measured last, by this endpoint."""
        recent = endpoint is Endpoint.LAST_28H
        measured = self.columns.measured_28h if recent else self.columns.measured
        return float(measured[self._rows[post_id]])  # type: ignore[return-value]

    def measured_times(
        self, post_ids: Sequence[PostId], endpoint: Endpoint = Endpoint.TOTALS
    ) -> list[Timestamp]:
        """``measured_at`` of several Posts, in their order; for a whole board at the cost of two or three."""
        measured = self.columns.measured_28h if endpoint is Endpoint.LAST_28H else self.columns.measured
        times: list[Timestamp] = measured[[self._rows[post_id] for post_id in post_ids]].tolist()
        return times

    def post_ids(self) -> Iterator[PostId]:
        """All tracked Posts."""
        return iter(self._rows)

    def states(self) -> dict[State, int]:
        """How many Posts are in each state."""
        counted = np.bincount(self.columns.states, minlength=len(State))
        return {state: int(counted[state]) for state in State if state is not State.FREE}

    def _places(self, rows: NDArray[np.intp]) -> list[Place]:
        partitions = self.columns.partitions[rows].tolist()
        groups = self.columns.groups[rows].tolist()
        return [
            (partition, self.groups.campaigns_of(group))
            for partition, group in zip(partitions, groups, strict=True)
        ]
