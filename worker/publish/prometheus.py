"""Leaderboards to Prometheus: a collector that reads one immutable snapshot a scrape; nothing stale stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from worker import telemetry as names
from worker.publish.audits import audits_of
from worker.recall import overall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client import Metric

    from worker.model import Campaign, Leaderboard, MetricName
    from worker.recall import Recall
    from worker.telemetry import Telemetry


class PrometheusPublisher(Collector):
    """The score at each of the first ``ranks`` ranks of each leaderboard; no Post ID in any label.

    At most ``max_series`` series of scores: campaigns beyond that are left out whole, the ones with fewest
    Posts first, and the series left out are counted.
    """

    name: Final = "prometheus"

    def __init__(self, telemetry: Telemetry, ranks: int, max_series: int) -> None:
        self._ranks = ranks
        self._max_series = max_series
        self._boards: Mapping[tuple[Campaign, MetricName], Leaderboard] = {}
        telemetry.registry.register(self)

    async def publish(self, leaderboards: Sequence[Leaderboard]) -> None:
        """See ``Publisher.publish``."""
        self._boards = {**self._boards, **{board.key: board for board in leaderboards}}

    async def withdraw(self, keys: Sequence[tuple[Campaign, MetricName]]) -> None:
        """See ``Publisher.withdraw``."""
        gone = set(keys)
        self._boards = {key: board for key, board in self._boards.items() if key not in gone}

    async def close(self) -> None:
        """See ``Publisher.close``."""
        self._boards = {}

    @property
    def active(self) -> bool:
        """See ``Office.active``: nobody else can write to our registry."""
        return True

    def take_over(self) -> None:
        """See ``Office.take_over``."""

    async def settle(self, alive: Iterable[tuple[Campaign, MetricName]]) -> None:
        """See ``Office.settle``: nothing is left from before."""

    def step_down(self) -> None:
        """See ``Office.step_down``: the series of all boards vanish with the next scrape."""
        self._boards = {}

    def collect(self) -> Iterable[Metric]:
        """Called by a scrape, in any thread: all of it from the snapshot that stands when it begins."""
        boards, left_out = self._chosen()
        score = GaugeMetricFamily(names.BOARD_SCORE, names.BOARD_SCORE_HELP, labels=names.BOARD_SCORE_LABELS)
        oldest = GaugeMetricFamily(names.BOARD_OLDEST, names.BOARD_OLDEST_HELP, labels=["campaign", "metric"])
        tracked = GaugeMetricFamily(
            names.BOARD_TRACKED, names.BOARD_TRACKED_HELP, labels=["campaign", "metric"]
        )
        for board in boards:
            for entry in board.entries[: self._ranks]:
                score.add_metric([*board.key, str(entry.rank)], entry.value)
            if board.entries:
                oldest.add_metric(board.key, min(entry.measured_at for entry in board.entries))
            tracked.add_metric(board.key, board.tracked_posts)
        yield score
        yield oldest
        yield tracked
        yield from _recalls(boards, self._boards.values())
        yield GaugeMetricFamily(names.BOARD_LEFT_OUT, names.BOARD_LEFT_OUT_HELP, value=left_out)

    def _chosen(self) -> tuple[list[Leaderboard], int]:
        of_campaign: dict[Campaign, list[Leaderboard]] = {}
        for board in self._boards.values():
            of_campaign.setdefault(board.campaign, []).append(board)
        by_size = sorted(
            of_campaign.values(), key=lambda boards: (-boards[0].tracked_posts, boards[0].campaign)
        )
        chosen: list[Leaderboard] = []
        room, left_out = self._max_series, 0
        for boards in by_size:
            series = sum(min(len(board.entries), self._ranks) for board in boards)
            if series <= room:
                chosen.extend(boards)
                room -= series
            else:
                left_out += series
        return chosen, left_out


def _recalls(chosen: Iterable[Leaderboard], boards: Iterable[Leaderboard]) -> Iterable[Metric]:
    of_campaign = GaugeMetricFamily(names.BOARD_RECALL, names.BOARD_RECALL_HELP, labels=["campaign", "bound"])
    for campaign, audit in audits_of(chosen).items():
        _add(of_campaign, [campaign], audit.recall)
    of_all = GaugeMetricFamily(names.BOARDS_RECALL, names.BOARDS_RECALL_HELP, labels=["bound"])
    _add(of_all, [], overall(audits_of(boards).values()))
    return of_campaign, of_all


def _add(family: GaugeMetricFamily, labels: Sequence[str], recall: Recall | None) -> None:
    if recall is not None:
        for bound, value in zip(("recall", "low", "high"), recall.rounded, strict=True):
            family.add_metric([*labels, bound], value)
