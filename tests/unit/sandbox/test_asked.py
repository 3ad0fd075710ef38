"""Reading a request for totals: what is taken, and how the rest is refused."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from sandbox.asked import Asked, read_asked
from sandbox.catalogue import FOUR_LEVELS, HISTORICAL, TOTALS, Endpoint
from sandbox.messages import RefusedError
from tests.unit.sandbox.asking import BY_BOTH, ask_for

AGAIN = " Please adjust your request and try again."
UNSUPPORTED = "One or more of the groupBys you have specified are not supported: "


def read_totals(body: bytes) -> Asked:
    return read_asked(body, TOTALS)


def refusal(body: bytes, endpoint: Endpoint = TOTALS) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refused:
        read_asked(body, endpoint)
    answer = refused.value.answer
    return answer.status, answer.content["errors"][0]


@pytest.mark.parametrize(
    "ids",
    [
        ["20", "1070059276213702656"],
        [20, 1070059276213702656],
        ["20\n", "1070059276213702656\r\n"],
        ["20", 1070059276213702656],
        ["0020", "1070059276213702656", "20", 20],
    ],
)
def test_ids_are_strings_integers_or_strings_that_end_in_a_newline(ids: list[Any]) -> None:
    assert read_totals(ask_for(ids).body).post_ids == [20, 1070059276213702656]


@pytest.mark.parametrize(
    "bad",
    [
        *("", "\n", "x", "-1", "+1", "1_0", " 1", "1.0", "٣", "0", str(2**63), "9" * 400),
        *(0, -5, 1.5, 1e30, 2**63, True, None, [], {}),
    ],
)
def test_an_id_that_is_none_is_refused_also_among_good_ones(bad: object) -> None:
    for ids in ([bad], ["20", bad, "30"]):
        status, text = refusal(ask_for(ids).body)
        assert status == 400
        assert text.startswith("Invalid Tweet ID: ")
        assert len(text) < 150


def test_the_largest_id_is_taken() -> None:
    assert read_totals(ask_for([str(2**63 - 1), 2**63 - 1]).body).post_ids == [2**63 - 1]


def test_250_ids_are_taken_and_251_are_not() -> None:
    assert len(read_totals(ask_for(list(range(1, 251))).body).post_ids) == 250
    assert refusal(ask_for(list(range(1, 252))).body) == (
        400,
        "The number of Tweet IDs (251) exceeds the maximum of 250." + AGAIN,
    )


@pytest.mark.parametrize("ids", [[], {}, "20", 20, None, True])
def test_ids_must_be_a_list_with_something_in_it(ids: object) -> None:
    body = orjson.dumps({"tweet_ids": ids, "engagement_types": ["favorites"], "groupings": BY_BOTH})
    assert refusal(body) == (400, "tweet_ids must be a list of Tweet IDs and not empty." + AGAIN)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nul", b"[1" + b"[" * 2000, b'{"tweet_ids": NaN}'])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert refusal(body) == (400, "Request body is not valid JSON." + AGAIN)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"'])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(body) == (400, "Request body must be a JSON object." + AGAIN)


def test_no_body_is_refused() -> None:
    assert refusal(b"") == (400, "Request body is missing." + AGAIN)


def test_an_unknown_metric_is_refused_by_its_name() -> None:
    status, text = refusal(ask_for([20], ["favorites", "likes", 7]).body)
    assert status == 400
    assert "not supported: (likes, 7)." in text


def test_metrics_are_those_of_the_endpoint() -> None:
    clicks, quotes = ask_for([20], ["url_clicks"]).body, ask_for([20], ["quote_tweets"]).body
    for body, takes, refuses, name in (
        (clicks, HISTORICAL, TOTALS, "url_clicks"),
        (quotes, TOTALS, HISTORICAL, "quote_tweets"),
    ):
        assert read_asked(body, takes).metrics == [name]
        assert refusal(body, refuses) == (
            400,
            f"One or more of the engagement types you have specified are not supported: ({name}).{AGAIN}",
        )


@pytest.mark.parametrize("metrics", [[], {}, "favorites", 5])
def test_metrics_must_be_a_list_with_something_in_it(metrics: object) -> None:
    assert refusal(ask_for([20], metrics).body)[1].startswith("engagement_types must be a list")


def test_a_metric_named_twice_counts_once_and_the_order_is_kept() -> None:
    assert read_totals(ask_for([20], ["video_views", "retweets", "video_views"]).body).metrics == [
        "video_views",
        "retweets",
    ]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["tweet.id", "engagement.hour"], "(engagement.hour)"),
        (["engagement.day", "engagement.hour"], "(engagement.day, engagement.hour)"),
        (["author"], "(author)"),
        ([["tweet.id"], {}, None], "(a list, an object, null)"),
    ],
)
def test_day_hour_and_unknown_groupings_are_refused(values: list[object], shown: str) -> None:
    body = ask_for([20], groupings={"g": {"group_by": values}}).body
    assert refusal(body) == (400, UNSUPPORTED + shown + "." + AGAIN)


@pytest.mark.parametrize(
    "groupings",
    [
        {},
        [],
        "tweet.id",
        dict.fromkeys("abcd", BY_BOTH["by_post"]),
        {"g": {}},
        {"g": []},
        {"g": {"group_by": []}},
        {"g": {"group_by": "tweet.id"}},
        {"g": {"group_by": ["tweet.id"], "more": 1}},
        {"g": {"group_by": ["tweet.id", "tweet.id"]}},
        {"errors": BY_BOTH["by_post"]},
    ],
)
def test_other_groupings_that_cannot_be_are_refused(groupings: object) -> None:
    assert refusal(ask_for([20], groupings=groupings).body)[0] == 400


ALL_FOUR = ["tweet.id", "engagement.type", "engagement.day", "engagement.hour"]


@pytest.mark.parametrize(
    "values",
    [list(order) for length in (1, 2, 3) for order in permutations(ALL_FOUR, length)]
    + [ALL_FOUR, [ALL_FOUR[1], ALL_FOUR[0], *ALL_FOUR[2:]]],
)
def test_series_nest_in_any_order_and_four_levels_in_two(values: list[str]) -> None:
    asked = read_asked(ask_for([20], ["favorites"], {"g": {"group_by": values}}).body, HISTORICAL)
    assert asked.groupings == {"g": values}


def test_no_other_order_of_four_levels_is_taken_and_no_second_grouping_of_four() -> None:
    others = [list(order) for order in permutations(ALL_FOUR) if order not in FOUR_LEVELS]
    assert len(others) == 22
    for values in others:
        body = ask_for([20], ["favorites"], {"g": {"group_by": values}}).body
        assert refusal(body, HISTORICAL)[0] == 400
    twice = {name: {"group_by": ALL_FOUR} for name in "ab"}
    assert refusal(ask_for([20], ["favorites"], twice).body, HISTORICAL) == (
        400,
        "A request can have one grouping with four groupBys only." + AGAIN,
    )


def test_25_ids_are_taken_for_series_and_26_are_not() -> None:
    assert len(read_asked(ask_for(list(range(1, 26)), ["replies"]).body, HISTORICAL).post_ids) == 25
    assert refusal(ask_for(list(range(1, 27)), ["replies"]).body, HISTORICAL) == (
        400,
        "The number of Tweet IDs (26) exceeds the maximum of 25." + AGAIN,
    )


def test_fields_that_are_not_documented_are_passed_over() -> None:
    body = {**orjson.loads(ask_for([20]).body), "more": "2015-08-01"}
    assert read_totals(orjson.dumps(body)) == read_totals(ask_for([20]).body)
