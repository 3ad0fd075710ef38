"""Our own topics: their names, and making sure that they are there as they must be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka.errors import KafkaError, TopicAlreadyExistsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.model import Seconds

_log = structlog.get_logger(__name__)
_SINGLE: Final = 1
_JOURNAL_SEGMENT_BYTES: Final = 32 * 2**20
_JOURNAL_LAG_MS: Final = 600_000
_FLAGS: Final = re.compile(r"\(\?[aiLmsux]+\)")


class TopicsError(Exception):
    """Our topics cannot be used as they are. The text says what to do."""


class WrongPartitionsError(TopicsError):
    """The topics of this group have ``there`` partitions, and other ones were asked for."""

    def __init__(self, told: str, there: int) -> None:
        super().__init__(
            f"{told}: set it to {there}, or move the state to another group (top-tweets move-state)"
        )
        self.there = there


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The names of our own topics, all beginning with the group's name."""

    group: str

    @property
    def sightings(self) -> str:
        """Sightings by Post ID: each Post has one owner."""
        return f"{self.group}.sightings"

    @property
    def journal(self) -> str:
        """The Watchlist, compacted; as many partitions as ``sightings``."""
        return f"{self.group}.journal"

    @property
    def partials(self) -> str:
        """The top of each partition's boards, compacted: what every worker merges."""
        return f"{self.group}.partials"

    @property
    def leaderboards(self) -> str:
        """The merged leaderboards, compacted."""
        return f"{self.group}.leaderboards"

    @property
    def handles(self) -> str:
        """The accounts asked for by month, compacted."""
        return f"{self.group}.handles"

    @property
    def dead_letters(self) -> str:
        """Records that could not be read."""
        return f"{self.group}.dead-letters"

    @property
    def replayed(self) -> str:
        """Which dead letters were sent back, compacted; made when the first is."""
        return f"{self.group}.replayed"

    def written(self) -> tuple[str, ...]:
        """Those that are written in a hurry."""
        return self.sightings, self.journal, self.partials, self.dead_letters, self.leaderboards

    def others(self, pattern: str) -> str:
        """The pattern of topics without our own: what we write must never come in again as input."""
        flags = _FLAGS.match(pattern)
        begin = flags.end() if flags else 0
        own = "sightings|journal|partials|leaderboards|handles|dead-letters|replayed"
        return rf"{pattern[:begin]}(?!(?-i:{re.escape(self.group)}\.(?:{own})$))(?:{pattern[begin:]})"


def ensure_topics(
    admin: Any,  # noqa: ANN401 -- kafka-python is untyped
    names: TopicNames,
    *,
    sightings_partitions: int,
    tracking_window: Seconds,
    replication_factor: int,
) -> None:
    """Create our topics where they are missing, and check the partitions of ``sightings`` and ``journal``.

    Raises:
        WrongPartitionsError: the two have another number of partitions than the settings say.
        TopicsError: the two differ from each other, or the brokers refuse to create a topic.
    """
    window_ms = str(round(tracking_window * 1000))
    wanted: dict[str, Mapping[str, Any]] = {
        names.sightings: {
            "num_partitions": sightings_partitions,
            "configs": {"cleanup.policy": "delete", "retention.ms": window_ms},
        },
        names.journal: {
            "num_partitions": sightings_partitions,
            "configs": {
                "cleanup.policy": "compact",
                # What is not compacted yet is read at each restore: so compact early.
                "segment.bytes": str(_JOURNAL_SEGMENT_BYTES),
                "min.cleanable.dirty.ratio": "0.2",
                # What a worker sent late is overwritten by the owner within seconds. Until then the record
                # before it must still be there, as that is the one that holds.
                "min.compaction.lag.ms": str(_JOURNAL_LAG_MS),
            },
        },
        names.partials: {"num_partitions": _SINGLE, "configs": {"cleanup.policy": "compact"}},
        names.leaderboards: {"num_partitions": _SINGLE, "configs": {"cleanup.policy": "compact"}},
        names.handles: {"num_partitions": _SINGLE, "configs": {"cleanup.policy": "compact"}},
        names.dead_letters: {"num_partitions": _SINGLE, "configs": {"cleanup.policy": "delete"}},
    }
    try:
        there = {topic["name"]: topic for topic in admin.describe_topics() if not topic.get("error_code")}
        _check_partitions(names, there, sightings_partitions)
        for name, options in wanted.items():
            if name not in there:
                _create(admin, name, {**options, "replication_factor": replication_factor})
        missing = [name for name in wanted if name not in there]
        admin.wait_for_topics(list(wanted))
        described = {topic["name"]: topic for topic in admin.describe_topics(list(wanted))}
    except KafkaError as error:
        raise TopicsError(f"the topics {', '.join(wanted)} cannot be created or read: {error}") from error
    if missing:
        _log.info("topics_created", topics=missing)
    # Another worker, with other settings, may have created them in the same moment.
    _check_partitions(names, described, sightings_partitions)


def _check_partitions(names: TopicNames, topics: Mapping[str, Mapping[str, Any]], wanted: int) -> None:
    """Those of ``sightings`` and ``journal`` that are there have as many partitions as the settings say."""
    both = (names.sightings, names.journal)
    found = {name: len(topics[name]["partitions"]) for name in both if name in topics}
    wrong = {name: number for name, number in found.items() if number != wanted}
    if not wrong:
        return
    told = " and ".join(f"topic {name} has {number} partitions" for name, number in wrong.items())
    told = f"{told}, and kafka.sightings_partitions is {wanted}"
    if len(set(found.values())) == 1:
        raise WrongPartitionsError(told, next(iter(found.values())))
    raise TopicsError(
        f"{told}: delete the topic that was made by hand, as it is made anew, or use another kafka.group"
    )


def _create(admin: Any, name: str, options: Mapping[str, Any]) -> None:  # noqa: ANN401 -- kafka-python is untyped
    try:
        admin.create_topics({name: options})
    except TopicAlreadyExistsError:
        _log.debug("topic_created_by_another_worker", topic=name)
