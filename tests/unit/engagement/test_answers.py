"""Reading answers: every shape the API is known to have, and what no API should send."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import orjson
import pytest

from tests.unit.engagement.fakes import NOON, NOON_DATE, counts_of, errors, reply
from worker.engagement import RefusedError, Reply, StoppedError, TransientError
from worker.engagement.answers import Answer, measured_at, read
from worker.model import NOT_AVAILABLE, PUBLIC_METRICS, MetricName, PostId, Timestamp

ONE, TWO, THREE = (PostId(1_976_092_594_838_686_293 + number) for number in range(3))
ASKED = [ONE, TWO, THREE]
LIKES = [MetricName("favorites")]


def answer_to(body: Any, status: int = 200, metrics: list[MetricName] | None = None) -> Answer:
    return read(reply(status, body), ASKED, metrics or [*PUBLIC_METRICS])


def count_as(value: Any) -> int:
    """What a value of the JSON is as a count."""
    answer = answer_to({"by_post": {str(ONE): {"favorites": value}}}, metrics=LIKES)
    assert answer.post_ids.tolist() == [ONE]
    return int(answer.values[0, 0])


def test_counts_are_read_in_the_order_of_posts_and_metrics_asked_for() -> None:
    answer = answer_to({"by_post": counts_of(reversed(ASKED))})
    assert answer.post_ids.tolist() == ASKED
    assert answer.values.tolist() == [
        [int(count) for count in counts.values()] for counts in counts_of(ASKED).values()
    ]
    assert answer.values.dtype == np.int64


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("69", 69),
        ("0", 0),
        ("-3", -3),
        (69, 69),
        (-3, -3),
        (69.0, 69),
        (" 7\n", 7),
        ("007", 7),
        ("1000000000000000", 10**15),
    ],
)
def test_a_count_is_a_number_in_whatever_way_it_is_written(value: object, count: int) -> None:
    assert count_as(value) == count


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "many",
        "1.5",
        1.5,
        "NaN",
        "1e3",
        "9" * 400,
        "9" * 5000,
        "-" + "9" * 400,
        str(2**63 - 1),
        2**63 - 1,
        2**63,
        2**64 - 1,
        -(2**63),
        1e300,
        -1e300,
        True,
        False,
        [],
        ["5"],
        {},
        {"value": "5"},
        {"hour": {"00": "5"}},
    ],
)
def test_what_is_no_count_is_not_available_and_not_zero(value: object) -> None:
    assert count_as(value) == NOT_AVAILABLE


def test_numbers_that_json_cannot_hold_make_an_answer_unreadable_or_not_available() -> None:
    for text in (b"NaN", b"Infinity", b"9" * 400, b"1e999"):
        body = b'{"by_post": {"%d": {"favorites": %b}}}' % (ONE, text)
        with contextlib.suppress(TransientError):
            assert read(reply(200, body), ASKED, LIKES).values[0, 0] == NOT_AVAILABLE


def test_a_metric_that_is_missing_is_not_available() -> None:
    answer = answer_to({"by_post": {str(ONE): {"retweets": "4"}, str(TWO): {}}})
    assert answer.post_ids.tolist() == [ONE, TWO]
    assert answer.values[0].tolist() == [NOT_AVAILABLE, 4, NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE]
    assert set(answer.values[1].tolist()) == {NOT_AVAILABLE}


def test_a_post_whose_counts_are_no_object_was_not_answered() -> None:
    answer = answer_to({"by_post": {str(ONE): None, str(TWO): "12", str(THREE): [1]}})
    assert not len(answer.post_ids)
    assert not answer.unavailable


def test_posts_not_asked_for_are_ignored_wherever_they_stand() -> None:
    stranger = 123
    answer = answer_to(
        {
            "by_post": counts_of([ONE, stranger]),
            "unavailable_tweet_ids": [str(stranger), str(TWO)],
            "errors": [f"Forbidden to access tweets: {stranger}"],
        }
    )
    assert answer.post_ids.tolist() == [ONE]
    assert answer.unavailable == {TWO}
    assert not answer.refused


def test_unavailable_posts_are_told_beside_the_counts_of_others() -> None:
    body = {
        "errors": ["1 Tweet ID(s) are unavailable"],
        "unavailable_tweet_ids": [str(TWO)],
        "by_post": counts_of([ONE, THREE]),
    }
    answer = answer_to(body)
    assert answer.post_ids.tolist() == [ONE, THREE]
    assert answer.unavailable == {TWO}


def test_an_unavailable_post_that_also_has_counts_is_unavailable() -> None:
    answer = answer_to({"unavailable_tweet_ids": [str(TWO)], "by_post": counts_of(ASKED)})
    assert answer.post_ids.tolist() == [ONE, THREE]
    assert answer.unavailable == {TWO}


def test_a_400_that_names_all_as_unavailable_is_an_answer() -> None:
    body = {
        "errors": ["3 Tweet ID(s) are unavailable"],
        "unavailable_tweet_ids": [str(ONE), int(TWO), f"{THREE}\n"],
    }
    answer = answer_to(body, status=400)
    assert answer.unavailable == set(ASKED)
    assert not len(answer.post_ids)


@pytest.mark.parametrize(
    "listed",
    [
        None,
        "text",
        {"a": 1},
        [None, True, 1.5, {}, [[]]],
        ["9" * 5000, "-1", "0", 0, 2**63, 2**64 - 1, str(2**63), "٣" * 400],
    ],
)
def test_lists_of_posts_with_garbage_name_nobody(listed: object) -> None:
    body = {
        "by_post": counts_of(ASKED),
        "unavailable_tweet_ids": listed,
        "unsupported_for_video_views_tweet_ids": listed,
    }
    answer = answer_to(body)
    assert answer.post_ids.tolist() == ASKED
    assert not answer.unavailable
    assert NOT_AVAILABLE not in answer.values


def test_what_is_nested_too_deeply_names_nobody() -> None:
    deep = b"[" * 900 + b"]" * 900
    told = orjson.dumps(counts_of(ASKED))
    body = b'{"by_post": %b, "unavailable_tweet_ids": %b, "errors": [{"message": %b}]}' % (told, deep, deep)
    assert read(reply(200, body), ASKED, PUBLIC_METRICS).post_ids.tolist() == ASKED


def test_video_views_of_old_posts_are_not_available_and_not_zero() -> None:
    told = counts_of(ASKED)
    told[str(TWO)]["video_views"] = "0"
    # 2**63 beside them: compared as floats, neighbours of an ID would be taken for it.
    listed = [str(TWO), 2**63]
    answer = answer_to({"by_post": told, "unsupported_for_video_views_tweet_ids": listed})
    column = PUBLIC_METRICS.index(MetricName("video_views"))
    assert answer.values[1, column] == NOT_AVAILABLE
    assert np.count_nonzero(answer.values == NOT_AVAILABLE) == 1


def test_impressions_and_engagements_of_old_posts_are_not_available() -> None:
    metrics = [MetricName(name) for name in ("engagements", "favorites", "impressions")]
    body = {
        "by_post": {str(ONE): dict.fromkeys(metrics, "0")},
        "unsupported_for_impressions_engagements_tweet_ids": [str(ONE)],
        "errors": ["Impressions & engagements for tweets older than 90 days (PERIOD) are not supported"],
    }
    assert answer_to(body, metrics=metrics).values.tolist() == [[NOT_AVAILABLE, 0, NOT_AVAILABLE]]


def test_a_200_with_counts_and_forbidden_posts_gives_both() -> None:
    body = {"by_post": counts_of([ONE]), "errors": [f"Forbidden to access tweets: {TWO}, {ONE}"]}
    answer = answer_to(body)
    assert answer.post_ids.tolist() == [ONE]
    assert answer.refused == {TWO}


def test_a_200_with_counts_and_a_rate_limit_gives_the_counts() -> None:
    assert len(answer_to({"by_post": counts_of([ONE]), "errors": ["Rate limit exceeded"]}).post_ids) == 1


def test_an_empty_grouping_says_nothing_of_anybody() -> None:
    answer = answer_to({"by_post": {}})
    assert not len(answer.post_ids)
    assert not answer.unavailable


FORBIDDEN_TWEETS = [
    f"Forbidden to access tweets: {ONE}, {THREE}",
    f"Forbidden to access tweets for author id 12: {ONE}, {THREE}",
]


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("text", FORBIDDEN_TWEETS)
def test_forbidden_posts_are_named(status: int, text: str) -> None:
    for body in ({"errors": [text]}, {"errors": text}, {"errors": [{"message": text}]}):
        with pytest.raises(RefusedError) as refused:
            answer_to(body, status=status)
        assert refused.value.post_ids == (ONE, THREE)
        assert not refused.value.metrics


def test_a_200_with_an_empty_grouping_and_forbidden_posts_is_a_refusal() -> None:
    with pytest.raises(RefusedError) as refused:
        answer_to({"by_post": {}, "errors": [f"Forbidden to access tweets: {ONE}"]})
    assert refused.value.post_ids == (ONE,)


def test_forbidden_metrics_are_named() -> None:
    with pytest.raises(RefusedError) as refused:
        read(errors(403, "Forbidden to access metrics: retweets, quote_tweets"), ASKED, PUBLIC_METRICS)
    assert refused.value.metrics == ("retweets", "quote_tweets")


@pytest.mark.parametrize("body", [{}, {"errors": ["Invalid Tweet ID"]}, {"unavailable_tweet_ids": ["1"]}])
def test_a_400_that_names_none_of_the_posts_is_a_refusal_of_the_request(body: object) -> None:
    with pytest.raises(RefusedError) as refused:
        answer_to(body, status=400)
    assert not refused.value.post_ids


def test_a_request_that_is_too_large_is_refused_as_it_is() -> None:
    with pytest.raises(RefusedError):
        read(reply(413, b"<html>too large</html>"), ASKED, PUBLIC_METRICS)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529, 599])
def test_statuses_that_pass_are_tried_again_whatever_the_body(status: int) -> None:
    for body in (b"", b"<html>", {"errors": ["internal server error"]}, {"by_post": counts_of(ASKED)}):
        with pytest.raises(TransientError) as passing:
            answer_to(body, status=status)
        assert passing.value.status == str(status)


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b'{"by_post": {"1', b"\x1f\x8b\x08", b"[]", b'"x"', b"null", b"\xff"]
)
@pytest.mark.parametrize("status", [200, 400])
def test_bodies_that_are_no_json_object_are_tried_again(body: bytes, status: int) -> None:
    with pytest.raises(TransientError) as passing:
        read(reply(status, body), ASKED, PUBLIC_METRICS)
    assert passing.value.status == "unreadable"


@pytest.mark.parametrize("body", [{}, {"errors": []}, {"errors": ["?"]}, {"errors": 5}, {"by_author": {}}])
def test_a_200_without_data_is_tried_again(body: object) -> None:
    with pytest.raises(TransientError) as passing:
        answer_to(body)
    assert passing.value.status == "unreadable"


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize("text", ["Rate limit exceeded", "Too Many Requests"])
def test_a_rate_limit_in_words_counts_as_429(status: int, text: str) -> None:
    with pytest.raises(TransientError) as passing:
        read(errors(status, text), ASKED, PUBLIC_METRICS)
    assert passing.value.status == "429"


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html>"), (404, {}), (301, b""), (410, []), (403, b"<html>"), (403, {})]
)
def test_other_statuses_stop_and_say_what_to_check(status: int, body: object) -> None:
    with pytest.raises(StoppedError, match=rf"{status}.*engagement\.url"):
        answer_to(body, status=status)


def test_an_answer_is_as_of_its_date() -> None:
    assert measured_at(Reply(200, {"date": NOON_DATE}, b""), Timestamp(NOON + 30)) == NOON


@pytest.mark.parametrize("date", [None, "", "soon", "Thu, 99999999999999999999 Jan 2020 00:00:00 GMT"])
def test_an_answer_without_a_date_is_as_of_now(date: str | None) -> None:
    headers = {} if date is None else {"date": date}
    assert measured_at(Reply(200, headers, b""), Timestamp(NOON + 30)) == NOON + 30


@pytest.mark.parametrize("away", [-86_400, 86_400])
def test_a_date_that_cannot_be_is_not_believed(away: int) -> None:
    ours = Timestamp(NOON + away)
    assert measured_at(Reply(200, {"date": NOON_DATE}, b""), ours) == ours
