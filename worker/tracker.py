"""The Watchlist and its boards kept in step: whatever happens to a Post happens in both. No I/O.

Composed here, and not in the runtime, because a simulation and the demo's check need the same steps.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from worker.boards import Boards, BoardsLimits
from worker.catalogue import Endpoint
from worker.engagement import Accounts
from worker.formats.journal import Retired
from worker.model import PostId, SavedPost, Sighting, Standings, Tombstone
from worker.watchlist import APP, State, Watchlist, least_able

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from worker.engagement import Outcome
    from worker.model import Campaign, MetricName, Seconds, Timestamp
    from worker.telemetry import Telemetry
    from worker.watchlist import Lane, WatchlistLimits

_log = structlog.get_logger(__name__)

_EVICTED_SHARE: Final = 0.01
"""Of a full Watchlist, evicted at once: choosing looks at every Post, too much for each new one."""

_SHOWN_FIRST: Final = 500
_SHOWN_AT_ONCE: Final = 10_000
"""Of many Posts at once: boards that a few have filled turn nearly all of the others away at once."""

_ERASED_REMEMBERED: Final = 10_000

_SILENCES: Final = 3
"""Answers in a row that leave a Post out, after which it counts as unavailable."""


class Tracker:
    """Applies what comes in and what is answered to the Watchlist and the boards."""

    def __init__(
        self,
        metrics: Sequence[MetricName],
        limits: WatchlistLimits,
        boards: BoardsLimits,
        *,
        half_growth: Seconds,
        telemetry: Telemetry,
        accounts: Accounts | None = None,
        rate_floor: int = 1,
    ) -> None:
        self.on_retired: Callable[[int, PostId], None] = _nobody_listens
        """Called with the partition and the ID of each Post that leaves, unless its partition does."""
        self._accounts = {account: number for number, account in enumerate(accounts or (), start=1)}
        self._account_of = (accounts or Accounts()).of
        self._mistaken: set[int] = set()
        self.watchlist = Watchlist(
            metrics,
            limits,
            accounts=len(self._accounts),
            account_of=lambda sighting: self._number_of(sighting.author_id, sighting.author),
            rate_floor=rate_floor,
        )
        self.boards = Boards(metrics, boards, self.watchlist.competitors.best)
        self.standings = Standings({})
        self._half_growth = half_growth
        self._telemetry = telemetry
        self._silences: Counter[PostId] = Counter()
        self._erased: dict[PostId, Timestamp] = {}
        self._folded = 0
        self._refills = 0

    def take(self, partition: int, items: Sequence[Sighting | Tombstone], now: Timestamp) -> int:
        """Take what was read of a partition, in order, as far as there is room; returns how many."""
        taken = 0
        while taken < len(items):
            item = items[taken]
            if isinstance(item, Tombstone):
                self.remove(item.post_id, "tombstone")
                self._remember_erased(item)
                taken += 1
                continue
            if item.post_id in self._erased and item.seen_at <= self._erased[item.post_id]:
                # Forwarded late, by a worker that was frozen or cut off: it was seen before the notice.
                taken += 1
                continue
            sightings = _run_of_sightings(items, taken, self._erased)
            added = self.watchlist.add(partition, sightings, now)
            if added.joined:
                self._show(added.joined)
            taken += added.taken
            if added.taken < len(sightings) and not self._make_room(now):
                break
        return taken

    def answered(self, outcome: Outcome, lane: Lane | None = None) -> None:
        """Take what became of a request of a lane: of the app's, where none is named."""
        lane = lane or self.watchlist.app
        for counts in outcome.counts:
            change = self.watchlist.record(counts, lane)
            self.boards.update(change.post_ids, change.places, change.old, change.new)
            if self._silences:
                for post_id in counts.post_ids.tolist():
                    self._silences.pop(post_id, None)
        gone = [*outcome.unavailable, *outcome.refused]
        aside = [*outcome.failed]
        self._silences.update(post_id for post_id in outcome.silent if post_id in self.watchlist)
        silent = [post_id for post_id in outcome.silent if self._silences[post_id] >= _SILENCES]
        aside += silent
        for post_id in (*gone, *aside):
            self._silences.pop(post_id, None)
        for post_id, place in self.watchlist.mark_unavailable(gone, outcome.at, lane):
            self.boards.remove(post_id, place)
        self._set_aside(aside, outcome.at, lane)
        self._disown(outcome, lane)
        lane.ask_again([*outcome.again, *outcome.forbidden])

    def remove(self, post_id: PostId, reason: str) -> bool:
        """Stop tracking a Post and erase it; whether it was tracked."""
        place = self.watchlist.remove(post_id)
        self._silences.pop(post_id, None)
        if place is None:
            return False
        self.boards.remove(post_id, place)
        self._telemetry.retired.labels(reason).inc()
        self.on_retired(place[0], post_id)
        return True

    def restore(
        self, partition: int, items: Sequence[SavedPost | Retired], now: Timestamp
    ) -> list[SavedPost]:
        """Take back what the journal tells, as far as there is room; returns the rest.

        The Posts are held back from planners and boards until ``restored``, as more may be told of them;
        but where the Watchlist is full of such, all of them are let go, so that some can be evicted.
        """
        for item in items:
            self._take_off(item.post_id)
            if isinstance(item, Retired):
                self.watchlist.remove(item.post_id)
        posts = [item for item in items if isinstance(item, SavedPost)]
        while posts:
            fits = self.watchlist.fits([post.post_id for post in posts])
            self.watchlist.saving.restore(partition, posts[:fits], now, self._number_of_saved)
            posts = posts[fits:]
            if posts and not self._make_room(now):
                break
        return posts

    def restored(self, partition: int) -> None:
        """All that the journal tells of a partition is taken back: its Posts compete and may be asked for."""
        self._show_all(self.watchlist.saving.release(partition))

    def account_name(self, number: int) -> str | None:
        """The handle of an account by its number in the Watchlist."""
        return next((one.handle for one, own in self._accounts.items() if own == number), None)

    def drop_partition(self, partition: int) -> None:
        """Another worker owns this partition now."""
        self.boards.drop_partition(partition)
        self._telemetry.retired.labels("revoked").inc(self.watchlist.drop_partition(partition))
        self._silences = Counter({post: n for post, n in self._silences.items() if post in self.watchlist})

    def retire(self, now: Timestamp) -> int:
        """Let go of Posts whose tracking window is over and who are on no board; returns how many."""
        # A board that waits for its refill does not hold all that belong on it.
        self.boards.mend()
        over = [
            post_id
            for post_id in self.watchlist.expired(now)
            if not self.boards.holds(post_id, self.watchlist.place(post_id))
        ]
        return sum(self.remove(post_id, "age") for post_id in over)

    def retire_hopeless(self, post_ids: Sequence[PostId]) -> int:
        """Let go of Posts of which a planner says that they cannot reach a board; returns how many.

        Who is on one stays, whatever is said, and who is asked for at the moment.
        """
        going = [
            post_id
            for post_id in post_ids
            if self.watchlist.is_idle(post_id)
            and not self.boards.holds(post_id, self.watchlist.place(post_id))
        ]
        return sum(self.remove(post_id, "hopeless") for post_id in going)

    def close(self) -> set[tuple[int, Campaign]]:
        """Drop the boards of campaigns that a partition has no tracked Post of any more; which those are."""
        closed = self.watchlist.shares.take_closed()
        self.boards.drop_campaigns(closed)
        return closed

    def count(self) -> None:
        """Bring the gauges up to date."""
        for state, posts in self.watchlist.states().items():
            self._telemetry.tracked.labels(state.name.lower()).set(posts)
        self._telemetry.campaigns.set(len(self.watchlist.groups.campaigns()))
        folded, refills = self.watchlist.groups.folded, self.boards.refills
        self._telemetry.campaigns_folded.inc(folded - self._folded)
        self._telemetry.refills.inc(refills - self._refills)
        self._folded, self._refills = folded, refills

    def tell_longest_unasked(self, now: Timestamp) -> None:
        """Bring that gauge up to date: it looks at every Post."""
        self._telemetry.longest_unasked.set(self.watchlist.longest_unasked(now))

    def check(self) -> None:
        """Every board, its reserve too, equals the plain sort of the whole Watchlist.

        Raises:
            AssertionError: with the board that does not, as it is and as it should be.
        """
        self.boards.mend()
        self.boards.check()
        columns, groups = self.watchlist.columns, self.watchlist.groups
        partitions = np.unique(columns.partitions[columns.states != State.FREE]).tolist()
        self._check_shares()
        for campaign in {*groups.campaigns(), *self.boards.campaigns()}:
            for metric in self.boards.metrics:
                self._check_leaderboard(partitions, campaign, metric)

    def _check_shares(self) -> None:
        places = map(self.watchlist.place, self.watchlist.post_ids())
        counted = Counter((partition, one) for partition, campaigns in places for one in campaigns)
        told = {place: self.watchlist.shares.tracked(*place) for place in counted}
        if told != counted or len(self.watchlist.shares) != len(counted):
            raise AssertionError(f"the shares are {told}, and should be {counted}")

    def _check_leaderboard(self, partitions: Sequence[int], campaign: Campaign, metric: MetricName) -> None:
        top, posts = self.boards.limits.top, list[tuple[PostId, float]]()
        for partition in partitions:
            own = sorted(self.watchlist.competitors.all(partition, campaign, metric), key=_by_rank)
            kept = self.boards.kept(partition, campaign, metric)
            if kept != own[: max(len(kept), top)]:
                raise AssertionError(
                    f"board {campaign}/{metric}/{partition} keeps {kept}, and should be of {own}"
                )
            posts += own
        right, shown = sorted(posts, key=_by_rank)[:top], self.boards.merged(campaign, metric)
        if shown != right:
            raise AssertionError(f"board {campaign}/{metric} is {shown}, and should be {right}")

    def _set_aside(self, post_ids: Sequence[PostId], at: Timestamp, lane: Lane) -> None:
        """Every request with one of these fails. Where it is of the last 28 hours, the totals stay."""
        if lane.endpoint is Endpoint.LAST_28H:
            change = self.watchlist.set_aside_28h(post_ids, at, lane)
            self.boards.update(change.post_ids, change.places, change.old, change.new)
            return
        for post_id, place in self.watchlist.mark_unavailable(post_ids, at, lane):
            self.boards.remove(post_id, place)

    def _disown(self, outcome: Outcome, lane: Lane) -> None:
        """These Posts belong to others than we thought: to the accounts that the API named, or to nobody."""
        if outcome.forbidden:
            named = {post_id: self._number_of(author) for post_id, author in outcome.authors.items()}
            owners = {post_id: number for post_id, number in named.items() if number != APP}
            self.watchlist.owners.disown(outcome.forbidden, lane, owners)
            if lane.account in owners.values() and lane.account not in self._mistaken:
                self._mistaken.add(lane.account)
                handle = self.account_name(lane.account)
                do = "its tokens may be another's: check engagement.accounts_file"
                _log.error("account_refused_its_own_posts", account=handle, do=do)

    def _number_of(self, *names: str | None) -> int:
        """The number of the account with one of these names; ``APP`` where there is none."""
        for name in names:
            if (account := self._account_of(name)) is not None:
                return self._accounts[account]
        return APP

    def _remember_erased(self, tombstone: Tombstone) -> None:
        if tombstone.at is not None:
            self._erased.pop(tombstone.post_id, None)
            self._erased[tombstone.post_id] = tombstone.at
            if len(self._erased) > _ERASED_REMEMBERED:
                del self._erased[next(iter(self._erased))]

    def _take_off(self, post_id: PostId) -> None:
        """A Post that is told of again competes no more with what was told before."""
        if post_id in self.watchlist:
            self.boards.remove(post_id, self.watchlist.place(post_id))

    def _number_of_saved(self, post: SavedPost) -> int:
        return self._number_of(post.account, post.author)

    def _show(self, post_ids: Sequence[PostId]) -> None:
        """Posts joined campaigns: their boards hear of the values."""
        change = self.watchlist.change_of(post_ids)
        self.boards.update(change.post_ids, change.places, change.old, change.new)

    def _show_all(self, post_ids: Sequence[PostId]) -> None:
        start, count = 0, _SHOWN_FIRST
        while start < len(post_ids):
            self._show(post_ids[start : start + count])
            start, count = start + count, min(2 * count, _SHOWN_AT_ONCE)

    def _make_room(self, now: Timestamp) -> bool:
        # Who is held back could not leave: others would, who are better, or all would wait for its end, which
        # may stand behind what there is no room for.
        self._show_all(self.watchlist.saving.release())
        return self._evict(now)

    def _evict(self, now: Timestamp) -> bool:
        count = max(1, round(self.watchlist.limits.max_posts * _EVICTED_SHARE))
        leaving = least_able(self.watchlist, self.standings, now, count, self._half_growth)
        for post_id in leaving:
            self.remove(post_id, "evicted")
        return bool(leaving)


def _nobody_listens(_partition: int, _post_id: PostId) -> None:
    """There is no journal: a simulation, or a test."""


def _by_rank(place: tuple[PostId, float]) -> tuple[float, PostId]:
    return -place[1], place[0]


def _run_of_sightings(
    items: Sequence[Sighting | Tombstone], start: int, erased: Container[PostId]
) -> list[Sighting]:
    """The Sightings from here to the next item that must be looked at alone."""
    run: list[Sighting] = []
    for item in items[start:]:
        if isinstance(item, Tombstone) or (run and item.post_id in erased):
            break
        run.append(item)
    return run
