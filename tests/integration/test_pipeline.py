"""One worker over real brokers and the sandbox: whatever comes in ends where the design says it does.

All tests share the worker, each with Posts and campaigns of its own, and in any order.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.tools.brokers import wanted_kinds
from tests.tools.kafka_records import Writer, committed, latest, read_all
from tests.tools.live_worker import Running, await_that, running_sandbox, running_worker
from worker.formats.reasons import Reason
from worker.intake.forwarder import partition_of
from worker.model import PUBLIC_METRICS, PostId, Timestamp, first_post_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.tools.brokers import Broker

TOP: Final = 5
PARTITIONS: Final = 4
LONGEST_RECORD: Final = 200_000
_posts = itertools.count(first_post_id(Timestamp(time.time() - 3600)), 4099)


@dataclass
class Line:
    """The worker with all around it."""

    broker: Broker
    group: str
    prefix: str
    worker: Running
    sandbox: Running
    writer: Writer
    topics: list[str] = field(default_factory=list)

    def create_topic(self, name: str, partitions: int = 1) -> str:
        self.topics.append(self.broker.create_topic(f"{self.prefix}-{name}", partitions=partitions))
        return self.topics[-1]

    @property
    def input(self) -> str:
        """The topic that most tests write to, with two partitions."""
        return f"{self.prefix}-a"

    def send(self, *values: object, **where: Any) -> None:
        """Records: bytes and null as they are, all else as JSON."""
        as_bytes = [
            one if one is None or isinstance(one, bytes) else json.dumps(one).encode() for one in values
        ]
        self.writer.send(where.pop("topic", self.input), as_bytes, **where)

    def send_ids(self, campaign: str, *post_ids: int) -> None:
        self.send(*(b"%d" % one for one in post_ids), headers=[("campaign", campaign.encode())])

    def post(self, post_id: int) -> dict[str, Any] | None:
        answer = self.worker.get(f"/api/posts/{post_id}")
        return answer.json() if answer.is_success else None

    def await_measured(self, *post_ids: int) -> None:
        def measured() -> bool:
            posts = [self.post(one) for one in post_ids]
            return all(post is not None and post["measured_at"] is not None for post in posts)

        await_that(measured, f"{post_ids} are measured")

    def published(self, campaign: str, metric: str) -> dict[str, Any] | None:
        """A leaderboard as it stands on the topic."""
        record = latest(self.broker.bootstrap, f"{self.group}.leaderboards").get(
            f"{campaign}/{metric}".encode()
        )
        return None if record is None else json.loads(record.value)

    def await_on_board(self, campaign: str, *post_ids: int, metric: str = "favorites") -> dict[str, Any]:
        """Wait until a leaderboard on the topic has exactly these Posts; the leaderboard."""
        wanted = {str(one) for one in post_ids if self.available(one)}
        found: dict[str, Any] = {}

        def shown() -> bool:
            nonlocal found
            found = self.published(campaign, metric) or {"entries": []}
            return {entry["post_id"] for entry in found["entries"]} == wanted

        await_that(shown, f"{campaign}/{metric} shows {wanted}")
        return found

    def available(self, post_id: int) -> bool:
        return bool(self.truth([post_id], int(time.time()))[post_id]["available"])

    def truth(self, post_ids: Sequence[int], at: int) -> dict[int, Any]:
        ids = ",".join(map(str, post_ids))
        posts = self.sandbox.json(f"/sandbox/truth?ids={ids}&at={at}")["posts"]
        return {int(post_id): facts for post_id, facts in posts.items()}

    def new_posts(self, count: int) -> list[int]:
        """IDs of Posts an hour old that the sandbox knows, none of them deleted by now."""
        found: list[int] = []
        while len(found) < count:
            batch = [next(_posts) for _ in range(count)]
            facts = self.truth(batch, int(time.time()) + 600)
            found += [one for one in batch if facts[one]["available"]]
        return found[:count]

    def sightings(self, post_id: int) -> list[Any]:
        """The records of a Post on the topic between intake and owner."""
        records = read_all(self.broker.bootstrap, f"{self.group}.sightings")
        return [record for record in records if record.key == b"%d" % post_id]

    def dead_letters(self) -> list[Any]:
        return read_all(self.broker.bootstrap, f"{self.group}.dead-letters")


@pytest.fixture(scope="module")
def line(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    directory = tmp_path_factory.mktemp("pipeline")
    name = uuid.uuid4().hex[:8]
    group, prefix = f"group-{name}", f"in-{name}"
    settings = {
        "KAFKA__TOPIC": "",
        "KAFKA__TOPIC_PATTERN": f"{prefix}-.*|{group}.*",
        "KAFKA__GROUP": group,
        "KAFKA__SIGHTINGS_PARTITIONS": str(PARTITIONS),
        "KAFKA__SESSION_TIMEOUT": f"{broker.session_timeout}s",
        "KAFKA__HEARTBEAT_INTERVAL": f"{broker.heartbeat_interval}s",
        "INTAKE__CAMPAIGNS_FROM": "rule_tags,hashtags,fields,header,topic",
        "INTAKE__HASHTAG_CAMPAIGNS": "Straße=the street",
        "INTAKE__TOPIC_CAMPAIGNS": f"{prefix}-b=of topic b,{prefix}-late=of a late topic",
        "INTAKE__MAX_RECORD_BYTES": str(LONGEST_RECORD),
        "PLANNER__LINGER": "200ms",
        "PLANNER__MIN_INTERVAL": "10m",
        "BOARDS__METRICS": ",".join(PUBLIC_METRICS),
        "BOARDS__TOP": str(TOP),
        "BOARDS__RESERVE": "2",
        "PUBLISH__INTERVAL": "200ms",
    }
    with ExitStack() as stack:
        for topic, partitions in (("a", 2), ("b", 1)):
            broker.create_topic(f"{prefix}-{topic}", partitions=partitions)
        sandbox = stack.enter_context(running_sandbox(directory))
        worker = stack.enter_context(
            running_worker(directory, broker.bootstrap, "", sandbox.address, settings)
        )
        writer = stack.enter_context(closing(Writer(broker.bootstrap)))
        line = Line(broker, group, prefix, worker, sandbox, writer, [f"{prefix}-a", f"{prefix}-b"])
        worker.await_that("/readyz", "owns 4 of 4")
        # New topics are looked for every half a minute: the other tests shorten the wait.
        line.create_topic("late")
        yield line
        assert worker.stop(10) == 0, worker.log.read_text()
        assert worker.events("failed") == []


def _campaign() -> str:
    return f"campaign {uuid.uuid4().hex[:8]}"


def test_boards_on_the_topic_are_the_plain_sort_of_the_truth_at_each_measurement(line: Line) -> None:
    campaign, posts = _campaign(), line.new_posts(4 * TOP)
    line.send_ids(campaign, *posts)
    line.await_measured(*posts)

    def values() -> dict[str, list[tuple[int, int]]]:
        """Each metric's plain sort of the sandbox's truth at the measurements the worker has now."""
        sorts: dict[str, list[tuple[int, int]]] = {metric: [] for metric in PUBLIC_METRICS}
        for post_id in posts:
            known = line.post(post_id)
            assert known is not None
            at = int(_seconds(known["measured_at"]))
            counts = line.truth([post_id], at)[post_id]["counts"]
            assert known["counts"] == counts
            for metric in PUBLIC_METRICS:
                sorts[metric].append((post_id, counts[metric]))
        return {
            metric: sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:TOP]
            for metric, pairs in sorts.items()
        }

    def shown(metric: str) -> list[tuple[int, int]]:
        board = line.published(campaign, metric) or {"entries": []}
        return [(int(entry["post_id"]), entry["value"]) for entry in board["entries"]]

    await_that(
        lambda: {metric: shown(metric) for metric in PUBLIC_METRICS} == values(), "boards are the plain sort"
    )
    board = line.published(campaign, "favorites")
    assert board is not None
    assert board["tracked_posts"] == len(posts)
    assert [entry["rank"] for entry in board["entries"]] == list(range(1, TOP + 1))


def test_every_format_puts_its_post_on_the_board(line: Line) -> None:
    campaign, post_ids = _campaign(), line.new_posts(TOP)
    plain, as_object, v2, native, activity = post_ids
    line.send(b"%d" % plain, {"id": as_object}, headers=[("campaign", campaign.encode())])
    line.send(
        {
            "data": {"id": str(v2), "text": "of v2", "author_id": "1"},
            "includes": {"users": [{"id": "1", "username": "anna"}]},
            "matching_rules": [{"tag": campaign}],
        },
        {
            "id_str": str(native),
            "text": "of v1.1",
            "user": {"screen_name": "ben"},
            "matching_rules": [{"tag": campaign}],
        },
        {
            "id": f"tag:search.twitter.com,2005:{activity}",
            "objectType": "activity",
            "verb": "post",
            "body": "of the activity",
            "actor": {"preferredUsername": "cleo"},
            "object": {"id": f"object:search.twitter.com,2005:{activity}"},
            "gnip": {"matching_rules": [{"tag": campaign}]},
        },
    )
    board = line.await_on_board(campaign, *post_ids)
    words = {int(entry["post_id"]): (entry["author"], entry["text"]) for entry in board["entries"]}
    assert words == {
        plain: (None, None),
        as_object: (None, None),
        v2: ("anna", "of v2"),
        native: ("ben", "of v1.1"),
        activity: ("cleo", "of the activity"),
    }


def test_a_retweet_counts_for_the_original(line: Line) -> None:
    campaign, (original, retweet) = _campaign(), line.new_posts(2)
    line.send(
        {
            "id_str": str(retweet),
            "retweeted_status": {"id_str": str(original), "text": "said first"},
            "matching_rules": [{"tag": campaign}],
        }
    )
    board = line.await_on_board(campaign, original)
    assert board["entries"][0]["text"] == "said first"
    assert line.post(retweet) is None


def test_campaigns_come_from_tags_hashtags_fields_headers_and_topics(line: Line) -> None:
    (post_id,) = line.new_posts(1)
    tag, of_field, of_header = _campaign(), _campaign(), _campaign()
    line.send(
        {
            "id_str": str(post_id),
            "entities": {"hashtags": [{"text": "STRASSE"}, {"text": "unknown"}]},
            "matching_rules": [{"tag": tag}],
            "campaign": of_field,
        },
        headers=[("campaign", of_header.encode())],
        topic=f"{line.prefix}-b",
    )
    wanted = {"all", tag, of_field, of_header, "the street", "of topic b"}
    await_that(lambda: set((line.post(post_id) or {"campaigns": []})["campaigns"]) == wanted, str(wanted))


def test_a_topic_created_later_is_found_by_the_pattern(line: Line) -> None:
    if line.broker.kind != wanted_kinds()[-1]:
        pytest.skip("shown on the other broker: it takes half a minute, and all of it is the client's")
    (post_id,) = line.new_posts(1)
    line.send(b"%d" % post_id, topic=f"{line.prefix}-late")
    await_that(lambda: line.post(post_id) is not None, "the late topic is read", patience=60)
    assert "of a late topic" in (line.post(post_id) or {})["campaigns"]


def test_a_pattern_that_means_our_own_topics_too_does_not_read_them(line: Line) -> None:
    (post_id,) = line.new_posts(1)
    line.send_ids(_campaign(), post_id)
    line.await_measured(post_id)
    (assigned, *_) = line.worker.events("input_assigned")
    assert all(name.startswith(line.prefix) for name in assigned["partitions"])


def test_a_post_on_several_partitions_is_forwarded_once_to_its_one_owner(line: Line) -> None:
    campaign, (post_id,) = _campaign(), line.new_posts(1)
    for partition in (0, 1, 0, 1):
        line.send(*[b"%d" % post_id] * 20, headers=[("campaign", campaign.encode())], partition=partition)
    line.await_measured(post_id)
    (record,) = line.sightings(post_id)
    assert record.partition == partition_of(PostId(post_id), PARTITIONS)


def test_duplicates_with_other_campaigns_are_one_post_with_all_of_them(line: Line) -> None:
    first, second, (post_id,) = _campaign(), _campaign(), line.new_posts(1)
    line.send_ids(first, post_id)
    line.send_ids(second, post_id)
    line.send_ids(first, post_id)
    line.await_on_board(first, post_id)
    line.await_on_board(second, post_id)
    assert len(line.sightings(post_id)) == 2


def test_an_author_and_text_that_come_later_are_shown(line: Line) -> None:
    campaign, (post_id,) = _campaign(), line.new_posts(1)
    line.send_ids(campaign, post_id)
    line.await_on_board(campaign, post_id)
    line.send({"id": post_id, "text": "here it is", "user": {"screen_name": "dora"}, "campaign": campaign})
    await_that(lambda: (line.post(post_id) or {}).get("text") == "here it is", "the text is known")


NOTICES: Final[dict[str, Callable[[int], tuple[object, bytes | None]]]] = {
    "a null value": lambda post_id: (None, b"%d" % post_id),
    "a v1.1 delete notice": lambda post_id: ({"delete": {"status": {"id_str": str(post_id)}}}, None),
    "a v2 compliance event": lambda post_id: (
        {"data": {"tweet_delete": {"tweet": {"id": str(post_id)}}}},
        None,
    ),
    "an activity that deletes": lambda post_id: (
        {"verb": "delete", "object": {"id": f"tag:search.twitter.com,2005:{post_id}"}},
        None,
    ),
}


@pytest.mark.parametrize("kind", list(NOTICES))
def test_a_deleted_post_leaves_boards_and_topics_with_its_words(line: Line, kind: str) -> None:
    campaign, (gone, stays) = _campaign(), line.new_posts(2)
    text = f"words of {gone}"
    line.send(
        *({"id_str": str(one), "text": f"words of {one}", "campaign": campaign} for one in (gone, stays)),
        partition=0,
    )
    line.await_on_board(campaign, gone, stays)
    value, key = NOTICES[kind](gone)
    line.send(value, key=key, partition=0)
    line.await_on_board(campaign, stays)
    assert line.post(gone) is None
    boards = latest(line.broker.bootstrap, f"{line.group}.leaderboards").values()
    await_that(
        lambda: (
            not any(
                text.encode() in record.value
                for record in latest(line.broker.bootstrap, f"{line.group}.leaderboards").values()
            )
        ),
        f"no leaderboard of {len(boards)} has the text",
    )

    line.send_ids(campaign, gone)
    line.await_on_board(campaign, gone, stays)
    known = line.post(gone)
    assert known is not None
    assert (known["author"], known["text"]) == (None, None)


UNREADABLE: Final[dict[Reason, bytes | None]] = {
    Reason.NULL_VALUE: None,
    Reason.TOO_BIG: b'{"id":"' + b"x" * LONGEST_RECORD + b'"}',
    Reason.INVALID_UTF8: b'{"id":"\xff"}',
    Reason.NOT_JSON: b"nonsense",
    Reason.TOO_DEEP: b"[" * 5000 + b"]" * 5000,
    Reason.WRONG_SHAPE: b"[1]",
    Reason.NO_ID: b'{"text":"x"}',
    Reason.NO_ORIGINAL: b'{"id":1,"retweeted_status":{"text":"x"}}',
    Reason.ID_NULL: b'{"id":null}',
    Reason.ID_EMPTY: b'{"id":""}',
    Reason.ID_WRONG_TYPE: b'{"id":[1]}',
    Reason.ID_FLOAT: b'{"id":1.5}',
    Reason.ID_NEGATIVE: b"-1",
    Reason.ID_ZERO: b"0",
    Reason.ID_TOO_LARGE: b"9223372036854775808",
    Reason.ID_MALFORMED: b'{"id":"12a"}',
}


def test_whatever_cannot_be_read_is_a_dead_letter_that_says_why_and_where_from(line: Line) -> None:
    mark = uuid.uuid4().hex.encode()
    for value in UNREADABLE.values():
        line.send(value, key=b"key " + mark, headers=[("mark", mark)], partition=1)
    letters: list[Any] = []

    def arrived() -> bool:
        nonlocal letters
        letters = [one for one in line.dead_letters() if one.key == b"key " + mark]
        return len(letters) >= len(UNREADABLE)

    await_that(arrived, "all dead letters")
    offsets = []
    for (reason, value), letter in zip(UNREADABLE.items(), letters, strict=True):
        headers = dict(letter.headers)
        assert headers["reason"].decode() == reason
        assert headers["detail"]
        assert (headers["topic"], headers["partition"]) == (line.input.encode(), b"1")
        assert headers["mark"] == mark
        assert letter.value == (value or b"")
        offsets.append(int(headers["offset"]))
    assert offsets == sorted(set(offsets))
    assert line.worker.process.poll() is None


def test_of_a_record_that_is_too_large_the_head_is_kept(line: Line) -> None:
    mark = uuid.uuid4().hex.encode()
    whole = b'{"id":"' + mark + b"x" * 1_040_000 + b'"}'
    line.send(whole, partition=0)
    letters: list[Any] = []

    def arrived() -> bool:
        nonlocal letters
        letters = [one for one in line.dead_letters() if mark in one.value]
        return bool(letters)

    await_that(arrived, "the dead letter")
    (letter,) = letters
    assert whole.startswith(letter.value)
    assert 900_000 < len(letter.value) < len(whole)
    assert dict(letter.headers)["bytes"] == b"%d" % len(whole)


def test_keep_alives_are_skipped_and_every_record_has_one_outcome_and_is_committed(line: Line) -> None:
    campaign, (post_id,) = _campaign(), line.new_posts(1)
    line.send(b"\r\n", b"", b"nonsense", b"%d" % post_id, headers=[("campaign", campaign.encode())])
    line.await_on_board(campaign, post_id)
    produced = {topic: len(read_all(line.broker.bootstrap, topic)) for topic in line.topics}

    def counted() -> bool:
        return all(
            line.worker.metric("toptweets_records_total", topic=topic) == count
            for topic, count in produced.items()
        )

    def all_committed() -> bool:
        return all(
            sum(committed(line.broker.bootstrap, line.group, topic, 2 if topic == line.input else 1).values())
            == count
            for topic, count in produced.items()
        )

    await_that(counted, f"the counters add up to {produced}")
    await_that(all_committed, f"{produced} are committed")
    assert line.worker.metric("toptweets_records_total", outcome="skipped") >= 2


def test_strangers_records_in_the_sightings_topic_change_nothing(line: Line) -> None:
    campaign, (post_id, other) = _campaign(), line.new_posts(2)
    topic = f"{line.group}.sightings"
    wrong = (partition_of(PostId(other), PARTITIONS) + 1) % PARTITIONS
    line.send(b"nonsense", b'{"v":1}', topic=topic, key=b"nonsense", partition=0)
    line.send(
        {"v": 1, "campaigns": [campaign], "seen_at": 1.5}, topic=topic, key=b"%d" % other, partition=wrong
    )
    line.send_ids(campaign, post_id)
    line.await_on_board(campaign, post_id)
    assert line.post(other) is None
    assert line.worker.metric("toptweets_records_total", outcome="refused") >= 3


def test_it_is_ready_and_well_and_says_so(line: Line) -> None:
    assert line.worker.get("/healthz").is_success
    ready = line.worker.get("/readyz")
    assert ready.is_success
    assert "answers" in ready.text
    assert line.worker.metric("toptweets_kafka_up") == 1


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
