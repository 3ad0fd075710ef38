"""Our own topics are made, checked, and kept out of the input."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kafka.errors import ClusterAuthorizationFailedError, TopicAlreadyExistsError
from structlog.testing import capture_logs

from worker.intake.topics import TopicNames, TopicsError, WrongPartitionsError, ensure_topics
from worker.model import Seconds

NAMES = TopicNames("g.1")
OURS = (
    "g.1.sightings",
    "g.1.journal",
    "g.1.partials",
    "g.1.leaderboards",
    "g.1.handles",
    "g.1.dead-letters",
)


class FakeAdmin:
    """A cluster with some topics, by their number of partitions."""

    def __init__(self, **_: int) -> None:
        self.topics: dict[str, int] = {}
        self.options: dict[str, Any] = {}
        self.error: Exception | None = None
        self.race = False

    def describe_topics(self, names: list[str] | None = None) -> list[dict[str, Any]]:
        return [
            {"name": name, "error_code": 0, "partitions": list(range(self.topics[name]))}
            for name in names or self.topics
        ]

    def create_topics(self, topics: dict[str, dict[str, Any]]) -> None:
        if self.error is not None:
            raise self.error
        for name, options in topics.items():
            self.topics[name] = options["num_partitions"]
            self.options[name] = options
        if self.race:
            raise TopicAlreadyExistsError

    def wait_for_topics(self, names: list[str]) -> None:
        assert set(names) <= set(self.topics)


def _ensure(admin: FakeAdmin, partitions: int = 12) -> None:
    ensure_topics(
        admin,
        NAMES,
        sightings_partitions=partitions,
        tracking_window=Seconds(3600),
        replication_factor=-1,
    )


def test_missing_topics_are_created_as_the_design_says() -> None:
    admin = FakeAdmin()
    with capture_logs() as logs:
        _ensure(admin)
    assert set(admin.topics) == set(OURS)
    assert admin.topics["g.1.sightings"] == 12
    assert admin.options["g.1.sightings"]["configs"] == {
        "cleanup.policy": "delete",
        "retention.ms": "3600000",
    }
    assert admin.topics["g.1.journal"] == 12
    assert admin.options["g.1.journal"]["configs"]["cleanup.policy"] == "compact"
    assert admin.options["g.1.partials"] == {
        "num_partitions": 1,
        "configs": {"cleanup.policy": "compact"},
        "replication_factor": -1,
    }
    assert admin.options["g.1.leaderboards"]["configs"] == {"cleanup.policy": "compact"}
    assert admin.options["g.1.handles"]["configs"] == {"cleanup.policy": "compact"}
    assert [log["event"] for log in logs] == ["topics_created"]


def test_topics_that_are_there_are_left_alone() -> None:
    admin = FakeAdmin()
    admin.topics = dict.fromkeys(OURS, 1) | {"g.1.sightings": 12, "g.1.journal": 12}
    with capture_logs() as logs:
        _ensure(admin)
    assert admin.options == {}
    assert logs == []


def test_another_worker_may_create_them_in_the_same_moment() -> None:
    admin = FakeAdmin()
    admin.race = True
    _ensure(admin)
    assert set(admin.topics) == set(OURS)


def test_another_number_of_partitions_is_an_error_that_says_what_to_do() -> None:
    for there in ({"g.1.sightings": 6}, {"g.1.sightings": 6, "g.1.journal": 6}):
        admin = FakeAdmin()
        admin.topics = dict(there)
        with pytest.raises(
            WrongPartitionsError, match=r"has 6 partitions.*set it to 6, or move the state"
        ) as raised:
            _ensure(admin)
        assert admin.topics == there, "nothing is created that does not fit"
        assert raised.value.there == 6


def test_two_numbers_of_partitions_are_an_error_that_names_the_odd_one() -> None:
    admin = FakeAdmin()
    admin.topics = {"g.1.sightings": 12, "g.1.journal": 5}
    with pytest.raises(TopicsError, match=r"topic g\.1\.journal has 5 partitions.*delete the topic"):
        _ensure(admin)


def test_a_refusal_of_the_brokers_is_an_error_that_names_the_topics() -> None:
    admin = FakeAdmin()
    admin.error = ClusterAuthorizationFailedError("no")
    with pytest.raises(TopicsError, match=r"g\.1\.sightings.*ClusterAuthorizationFailedError"):
        _ensure(admin)


@pytest.mark.parametrize("pattern", [".*", "(?i)G.*", "posts|g.*", "(?s).+"])
def test_a_pattern_of_input_topics_never_means_our_own(pattern: str) -> None:
    compiled = re.compile(NAMES.others(pattern))
    for name in (*OURS, "g.1.replayed"):
        assert not compiled.match(name)
    assert compiled.match("g.1.sightings-of-birds")
    assert compiled.match("g-1.sightings")


def test_a_pattern_means_what_it_meant_otherwise() -> None:
    compiled = re.compile(NAMES.others("(?i)posts-[0-9]+|tweets"))
    assert compiled.match("POSTS-7")
    assert compiled.match("tweets")
    assert not compiled.match("other-posts-7")
