"""Faults of one request: which requests meet them, and what they make of the answer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sandbox.faults import Faults, Met, read_faults
from sandbox.messages import Answer, Request
from tests.unit.sandbox.asking import Clock, app_at, ask_for, get, post, some_posts
from tests.unit.sandbox.signing import ALICE, BOB, POSTS_OF_ALICE, POSTS_OF_BOB, ask_as_owner

POSTS = some_posts(30)


def with_faults(**faults: object) -> Any:
    app = app_at(Clock())
    assert app.handle(post("/sandbox/faults", faults)).status == 200
    return app


def met(fault: str, *, ids: list[int] | None = None, groupings: object = None) -> Answer:
    app = with_faults(shares={fault: 1})
    answer = app.handle(ask_for(ids or POSTS, ["favorites", "retweets"], groupings))
    assert isinstance(answer, Answer)
    return answer


def right(ids: list[int] | None = None) -> Any:
    return app_at(Clock()).handle(ask_for(ids or POSTS, ["favorites", "retweets"])).content


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("429_html", 429, "text/html"),
        ("503_html", 503, "text/html"),
        ("502", 502, "application/json;charset=utf-8"),
        ("not_json", 200, "text/plain"),
    ],
)
def test_what_stands_in_the_place_of_the_answer(fault: str, status: int, content_type: str) -> None:
    answer = met(fault)
    assert (answer.status, answer.content_type) == (status, content_type)
    if content_type.startswith("text"):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(answer.content)


def test_a_429_comes_as_texts_as_objects_and_never_as_gzip() -> None:
    assert met("429").content == {"errors": ["Too Many Requests"]}
    assert met("429_objects").content == {"errors": [{"code": 88, "message": "Too Many Requests"}]}
    assert [met(fault).plain for fault in ("429", "429_plain")] == [False, True]
    for fault in ("429", "429_objects", "429_plain"):
        assert dict(met(fault).headers)["x-per-minute-remaining"] == "0"


def test_errors_can_be_one_bare_string() -> None:
    assert (met("errors_string").status, met("errors_string").content) == (
        500,
        {"errors": "internal server error"},
    )


def test_forbidden_by_a_fault_names_the_first_post() -> None:
    text = f"Forbidden to access tweets: {POSTS[0]}"
    by_author = f"Forbidden to access tweets for author id 17: {POSTS[0]}"
    for fault, status, told in (
        ("forbidden", 403, text),
        ("forbidden_authors", 403, by_author),
        ("forbidden_200", 200, text),
    ):
        assert (met(fault).status, met(fault).content) == (status, {"errors": [told]})


def test_lists_can_come_without_their_errors() -> None:
    posts = some_posts(250)
    whole = right(posts)
    assert whole.pop("errors")
    assert met("lists_only", ids=posts).content == whole


def test_a_metric_can_be_missing() -> None:
    told = met("metric_missing").content["by_post"]
    assert told == {post_id: {"favorites": of["favorites"]} for post_id, of in right()["by_post"].items()}
    turned = met("metric_missing", groupings={"g": {"group_by": ["engagement.type"]}}).content["g"]
    assert list(turned) == ["favorites"]


def test_counts_can_be_negative_or_numbers() -> None:
    rightly = {(p, m): int(count) for p, of in right()["by_post"].items() for m, count in of.items()}
    for fault, changed in (("negative", lambda n: str(-n - 1)), ("numbers", lambda n: n)):
        told = met(fault).content["by_post"]
        assert {(p, m): count for p, of in told.items() for m, count in of.items()} == {
            place: changed(count) for place, count in rightly.items()
        }


@pytest.mark.parametrize("fault", ["metric_missing", "negative", "numbers", "lists_only", "forbidden"])
def test_a_request_that_cannot_be_meets_such_a_fault_without_harm(fault: str) -> None:
    answer = with_faults(shares={fault: 1}).handle(ask_for([]))
    assert answer.status in (400, 403)


def test_the_nth_request_meets_its_fault() -> None:
    app = with_faults(rules=[{"fault": "503", "nth": [2, 4]}])
    assert [app.handle(ask_for(POSTS)).status for _ in range(5)] == [200, 503, 200, 503, 200]


def test_requests_for_a_post_meet_its_fault() -> None:
    app = with_faults(rules=[{"fault": "500", "ids": [str(POSTS[3])]}])
    assert app.handle(ask_for(POSTS[:3])).status == 200
    assert app.handle(ask_for(POSTS[:4])).status == 500


def test_an_account_or_an_endpoint_meets_its_fault() -> None:
    rules = [
        {"fault": "503", "account": str(BOB.account_id)},
        {"fault": "502", "account": "bearer"},
        {"fault": "500", "endpoint": "28hr"},
    ]
    app = with_faults(rules=rules)
    assert app.handle(ask_as_owner("totals", POSTS_OF_BOB[:1], account=BOB)).status == 503
    assert app.handle(ask_for(POSTS)).status == 502
    assert app.handle(ask_as_owner("28hr", POSTS_OF_ALICE[:1], ["replies"])).status == 500
    assert app.handle(ask_as_owner("totals", POSTS_OF_ALICE[:1])).status == 200


def test_all_that_a_rule_says_must_fit_and_the_first_rule_goes_before_others_and_shares() -> None:
    rules = [
        {"fault": "500", "nth": [1], "endpoint": "28hr"},
        {"fault": "502", "nth": [1]},
        {"fault": "503", "nth": [1]},
    ]
    app = with_faults(rules=rules, shares={"401": 1})
    assert [app.handle(ask_for(POSTS)).status for _ in range(2)] == [502, 401]


def test_a_rule_can_be_for_a_share() -> None:
    app = with_faults(rules=[{"fault": "500", "share": 0.5, "endpoint": "totals"}], seed=3)
    statuses = [app.handle(ask_for(POSTS[:1])).status for _ in range(100)]
    assert 30 < statuses.count(500) < 70


def test_rules_are_read_back_as_they_were_set() -> None:
    rules = [{"fault": "500", "nth": [1]}]
    told = with_faults(rules=rules).handle(get("/sandbox/faults")).content
    assert isinstance(read_faults(orjson.dumps(told)), Faults)
    assert told["rules"][0]["nth"] == [1]


@pytest.mark.parametrize(
    "content",
    [
        {"rules": [{"fault": "404"}]},
        {"rules": [{"nth": [1]}]},
        {"rules": [{"fault": "500", "nth": [0]}]},
        {"rules": [{"fault": "500", "nth": 1}]},
        {"rules": [{"fault": "500", "ids": ["x"]}]},
        {"rules": [{"fault": "500", "account": "me"}]},
        {"rules": [{"fault": "500", "endpoint": "7days"}]},
        {"rules": [{"fault": "500", "share": 2}]},
        {"rules": {}},
        {"shapes": {"forbidden": "both"}},
        {"shapes": {"forbidden_status": 404}},
        {"shapes": {"more": 1}},
    ],
)
def test_a_rule_or_shape_that_cannot_be_is_named(content: dict[str, Any]) -> None:
    answer = read_faults(orjson.dumps(content))
    assert isinstance(answer, Answer)
    assert answer.status == 400
    assert answer.content["errors"][0].startswith(("rules", "shapes"))


def test_posts_of_others_are_named_in_the_shape_in_force() -> None:
    strangers = [post_id for post_id in POSTS if post_id not in (*POSTS_OF_ALICE, *POSTS_OF_BOB)]
    request = {"endpoint": "28hr", "ids": [POSTS_OF_ALICE[0], *POSTS_OF_BOB[:2], strangers[0]]}
    by_author = with_faults(shapes={"forbidden": "authors"})
    answer = by_author.handle(ask_as_owner(**request, metrics=["replies"]))  # type: ignore[arg-type]
    assert answer.status == 403
    assert len(answer.content["errors"]) == 2
    theirs = (
        f"Forbidden to access tweets for author id {BOB.account_id}: {POSTS_OF_BOB[0]}, {POSTS_OF_BOB[1]}"
    )
    assert theirs in answer.content["errors"]
    only_errors = with_faults(shapes={"forbidden_status": 200})
    answer = only_errors.handle(ask_as_owner(**request, metrics=["replies"]))  # type: ignore[arg-type]
    assert (answer.status, list(answer.content)) == (200, ["errors"])


def test_lists_can_hold_numbers_and_errors_have_other_shapes() -> None:
    posts = some_posts(250)
    listed = right(posts)["unavailable_tweet_ids"]
    numbers = with_faults(shapes={"integer_ids": True}).handle(ask_for(posts)).content
    assert numbers["unavailable_tweet_ids"] == list(map(int, listed))
    text = f"{len(listed)} Tweet ID(s) are unavailable"
    objects = with_faults(shapes={"errors": "objects"}).handle(ask_for(posts)).content
    assert objects["errors"] == [{"message": text}]
    bare = with_faults(shapes={"errors": "string"}).handle(ask_for(posts)).content
    assert bare["errors"] == text


def test_stats_tell_endpoints_and_accounts_apart() -> None:
    app = app_at(Clock())
    app.handle(ask_as_owner("28hr", POSTS_OF_ALICE[:2], ["replies"]))
    app.handle(ask_as_owner("28hr", POSTS_OF_ALICE[:2], ["replies"], account=BOB))
    app.handle(ask_for(POSTS))
    app.handle(Request("POST", "/insights/engagement/historical"))
    found = app.handle(get("/sandbox/stats")).content
    assert {name: tally["answers_by_status"] for name, tally in found["by_endpoint"].items()} == {
        "28hr": {"200": 1, "403": 1},
        "historical": {"401": 1},
        "totals": {"200": 1},
    }
    assert {name: tally["ids_served"] for name, tally in found["by_account"].items()} == {
        str(ALICE.account_id): 2,
        str(BOB.account_id): 0,
        "bearer": 30,
        "nobody": 0,
    }


def test_a_rule_without_conditions_fits_all() -> None:
    rule = Faults.model_validate({"rules": [{"fault": "500"}]}).rules[0]
    assert rule.fits(Met(), 0)
    assert rule.fits(Met("28hr", "5", (1, 2)), 99)
