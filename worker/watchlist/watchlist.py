"""The Watchlist: which Posts are tracked, what is known of each, and since when."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from worker.model import NOT_AVAILABLE, PostId, base_metric, creation_times, is_per_hour
from worker.watchlist.columns import Columns, State
from worker.watchlist.groups import Groups
from worker.watchlist.growth import grow
from worker.watchlist.shapes import Added, Change, Tracked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from worker.model import Campaign, Counts, FloatArray, IntArray, MetricName, Sighting, Timestamp
    from worker.watchlist.shapes import Place, WatchlistLimits


class Watchlist:
    """The tracked Posts of this worker's partitions.

    ``asked_metrics`` are the counts that answers bring, in their order; ``metrics`` those that boards are of,
    derived ones too. ``answers`` counts how often asked Posts came back, with whatever answer. Not safe for
    threads: one loop owns it.
    """

    def __init__(
        self, asked_metrics: Sequence[MetricName], metrics: Sequence[MetricName], limits: WatchlistLimits
    ) -> None:
        self.metrics = tuple(metrics)
        self.limits = limits
        self.groups = Groups(limits.max_campaigns)
        self.answers = 0
        grown = [metric for metric in metrics if is_per_hour(metric)]
        columns_of = {metric: column for column, metric in enumerate(asked_metrics)}
        self._counted = [i for i, metric in enumerate(metrics) if not is_per_hour(metric)]
        self._counted_from = [columns_of[metrics[i]] for i in self._counted]
        self._grown = [i for i, metric in enumerate(metrics) if is_per_hour(metric)]
        self._grown_from = [columns_of[base_metric(metric)] for metric in grown]
        self.columns = Columns(len(metrics), len(grown))
        self._rows: dict[PostId, int] = {}
        self._words: dict[PostId, tuple[str | None, str | None]] = {}
        self._unmeasured: deque[PostId] = deque()

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

    def _admit(self, partition: int, fresh: Sequence[Sighting], now: Timestamp) -> None:
        if not fresh:
            return
        free = self.columns.take(len(fresh))
        columns, rows = self.columns, np.array(free)
        ids = np.array([sighting.post_id for sighting in fresh], dtype=np.int64)
        columns.post_ids[rows] = ids
        columns.partitions[rows] = partition
        columns.groups[rows] = [self.groups.join(sighting.campaigns) for sighting in fresh]
        columns.created[rows] = creation_times(ids)
        columns.seen[rows] = np.minimum([sighting.seen_at for sighting in fresh], now)
        columns.asked[rows] = 0
        columns.measured[rows] = 0
        columns.values[rows] = np.nan
        if len(columns.kept_at):
            columns.kept_at[rows] = 0
            columns.base_at[rows] = 0
        columns.states[rows] = State.NEW
        for sighting, row in zip(fresh, free, strict=True):
            self._rows[sighting.post_id] = row
            if sighting.author or sighting.text:
                self._words[sighting.post_id] = (sighting.author, sighting.text)
        self._unmeasured.extend(sighting.post_id for sighting in fresh)

    def _join(self, sighting: Sighting) -> bool:
        """Unite a tracked Post with a further Sighting of it; whether it has joined campaigns."""
        row = self._rows[sighting.post_id]
        if sighting.author or sighting.text:
            self._add_words(sighting, row)
        before = int(self.columns.groups[row])
        campaigns = self.groups.campaigns_of(before)
        if all(campaign in campaigns for campaign in sighting.campaigns):
            return False
        after = self.groups.join(tuple(sorted({*campaigns, *sighting.campaigns})))
        self.columns.groups[row] = after
        self.groups.leave(before)
        return after != before

    def _add_words(self, sighting: Sighting, row: int) -> None:
        """Keep what was not known yet; of a Post that is gone nothing."""
        author, text = self.words(sighting.post_id)
        if (author is None or text is None) and self._state(row) != State.UNAVAILABLE:
            self._words[sighting.post_id] = (author or sighting.author, text or sighting.text)

    def _state(self, row: int) -> int:
        """As an int: to compare a number of numpy's with a ``State`` takes fifty times as long."""
        return int(self.columns.states[row])

    # What is asked and answered

    def first_unmeasured(self, count: int) -> list[PostId]:
        """The Posts that wait longest for their first request, at most ``count``, none of them in flight."""
        queue, first, looked_at = self._unmeasured, dict[PostId, None](), 0
        while len(first) < count and looked_at < len(queue):
            chunk = list(islice(queue, looked_at, looked_at + count))
            waits = self._wait(chunk)
            first.update((post_id, None) for post_id, wait in zip(chunk, waits, strict=True) if wait)
            if looked_at == 0:
                # Who was asked, answered or removed since stands at the head, as a rule: let go of them.
                done = waits.index(True) if True in waits else len(chunk)
                for _ in range(done):
                    queue.popleft()
                looked_at -= done
            looked_at += len(chunk)
        return list(islice(first, count))

    def _wait(self, post_ids: Sequence[PostId]) -> list[bool]:
        """Which of these Posts are tracked, were never measured, and are not in flight."""
        rows = np.array([self._rows.get(post_id, -1) for post_id in post_ids], dtype=np.intp)
        waits = (rows >= 0) & (self.columns.states[rows] == State.NEW) & ~self.columns.in_flight[rows]
        return waits.tolist()  # type: ignore[no-any-return]

    def mark_asked(self, post_ids: Sequence[PostId], at: Timestamp) -> None:
        """These Posts are in a request now."""
        rows = [self._rows[post_id] for post_id in post_ids]
        self.columns.in_flight[rows] = True
        self.columns.asked[rows] = at
        # The new ones stand at the head. Who is asked in vain goes to the end: no Post holds up the others.
        asked, queue = set(post_ids), self._unmeasured
        while queue and (queue[0] in asked or not self._wait([queue[0]])[0]):
            queue.popleft()

    def ask_again(self, post_ids: Iterable[PostId]) -> None:
        """These Posts were asked for and nothing was learned: they are as they were before."""
        self.answers += 1
        for post_id in post_ids:
            row = self._rows.get(post_id)
            if row is not None:
                self.columns.in_flight[row] = False
                if self._state(row) == State.NEW:
                    self._unmeasured.append(post_id)

    def record(self, counts: Counts) -> Change:
        """Take an answer. Posts that are not tracked any more, or are known from later, are left out."""
        found = [
            (i, self._rows.get(PostId(post_id), -1)) for i, post_id in enumerate(counts.post_ids.tolist())
        ]
        picks = np.array([i for i, row in found if row >= 0], dtype=np.intp)
        rows = np.array([row for _, row in found if row >= 0], dtype=np.intp)
        columns = self.columns
        self.answers += 1
        columns.in_flight[rows] = False
        newer = columns.measured[rows] <= counts.measured_at
        picks, rows = picks[newer], rows[newer]

        answer = counts.values[picks].astype(np.float64)
        answer[counts.values[picks] == NOT_AVAILABLE] = np.nan
        old = columns.values[rows]
        new = np.empty_like(old)
        new[:, self._counted] = answer[:, self._counted_from]
        if self._grown:
            window = self.limits.growth_window
            new[:, self._grown] = grow(columns, rows, answer[:, self._grown_from], counts.measured_at, window)
        columns.values[rows] = new
        columns.measured[rows] = counts.measured_at
        columns.states[rows] = State.MEASURED
        return Change(counts.post_ids[picks], self._places(rows), old, new)

    def mark_unavailable(self, post_ids: Iterable[PostId], at: Timestamp) -> list[tuple[PostId, Place]]:
        """These Posts are gone for now: values and words are erased. Returns where they competed."""
        self.answers += 1
        gone = []
        for post_id in post_ids:
            row = self._rows.get(post_id)
            if row is None:
                continue
            self.columns.in_flight[row] = False
            self.columns.states[row] = State.UNAVAILABLE
            self.columns.measured[row] = at
            self.columns.values[row] = np.nan
            self._words.pop(post_id, None)
            gone.append((post_id, self.place(post_id)))
        return gone

    def waiting_since(self, post_id: PostId) -> Timestamp:
        """Since when a Post has waited for its first request: since it was seen, or was asked in vain."""
        row = self._rows[post_id]
        return float(max(self.columns.seen[row], self.columns.asked[row]))  # type: ignore[return-value]

    def longest_wait_since(self, post_ids: Sequence[PostId]) -> Timestamp:
        """``waiting_since`` of the one of these Posts that has waited longest; there must be one."""
        rows = [self._rows[post_id] for post_id in post_ids]
        since = np.maximum(self.columns.seen[rows], self.columns.asked[rows])
        return float(since.min())  # type: ignore[return-value]

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
        columns.give_back(rows.tolist())
        self._unmeasured = deque(post_id for post_id in self._unmeasured if post_id in self._rows)
        return len(rows)

    def expired(self, now: Timestamp) -> list[PostId]:
        """Posts that were measured and whose tracking window is over; who is on a board may stay."""
        columns = self.columns
        asked = columns.states >= State.MEASURED
        over = asked & ~columns.in_flight & (columns.born() + self.limits.tracking_window < now)
        return [PostId(post_id) for post_id in columns.post_ids[over].tolist()]

    # What is known

    def place(self, post_id: PostId) -> Place:
        """Where a tracked Post competes."""
        row = self._rows[post_id]
        return int(self.columns.partitions[row]), self.groups.campaigns_of(int(self.columns.groups[row]))

    def change_of(self, post_ids: Sequence[PostId]) -> Change:
        """The values of some Posts as if all were new: for boards that they have just joined."""
        rows = np.array([self._rows[post_id] for post_id in post_ids], dtype=np.intp)
        rows = rows[self.columns.states[rows] == State.MEASURED]
        new = self.columns.values[rows]
        return Change(self.columns.post_ids[rows], self._places(rows), np.full_like(new, np.nan), new)

    def candidates(
        self, partition: int, campaign: Campaign, metric: MetricName
    ) -> Iterator[tuple[PostId, float]]:
        """All Posts of a partition and campaign that have a value of the metric, each with it."""
        post_ids, values = self._candidates(partition, campaign, metric)
        return zip(post_ids.tolist(), values.tolist(), strict=True)

    def best(
        self, partition: int, campaign: Campaign, metric: MetricName, count: int
    ) -> list[tuple[PostId, float]]:
        """The ``count`` best of the candidates, best first: value descending, then the older Post."""
        post_ids, values = self._candidates(partition, campaign, metric)
        if len(values) > count:
            bar = np.partition(values, len(values) - count)[len(values) - count]
            reach = values >= bar
            post_ids, values = post_ids[reach], values[reach]
        order = np.lexsort((post_ids, -values))[:count]
        return list(zip(post_ids[order].tolist(), values[order].tolist(), strict=True))

    def _candidates(
        self, partition: int, campaign: Campaign, metric: MetricName
    ) -> tuple[IntArray, FloatArray]:
        columns = self.columns
        values = columns.values[:, self.metrics.index(metric)]
        groups = self.groups.with_campaign(campaign)
        rows = np.flatnonzero(
            (columns.states == State.MEASURED)
            & (columns.partitions == partition)
            & np.isin(columns.groups, groups)
            & ~np.isnan(values)
        )
        return columns.post_ids[rows], values[rows]

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

    def measured_at(self, post_id: PostId) -> Timestamp:
        """When a tracked Post was measured last."""
        return float(self.columns.measured[self._rows[post_id]])  # type: ignore[return-value]

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
