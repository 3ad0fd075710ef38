"""The sandbox under any request: always a well-formed answer, and never a count that is not the truth."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from sandbox.encoding import encode
from sandbox.messages import Request
from sandbox.world import METRICS, World
from tests.unit.sandbox.asking import BEARER, NOON, Clock, app_at, ask_for, get

STATUSES = {200, 400, 403}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
POST_ID = (
    st.integers(1, 2**63 - 1) | st.integers(1, 30_000_000_000) | st.integers(1976 * 10**15, 1977 * 10**15)
)
SENT_ID = POST_ID | POST_ID.map(str) | POST_ID.map(lambda post_id: f"{post_id}\n")
GROUP_BY = st.permutations(["tweet.id", "engagement.type"]).flatmap(
    lambda values: st.sampled_from([values, values[:1]])
)
GROUPINGS = st.dictionaries(
    st.text(), GROUP_BY.map(lambda values: {"group_by": values}), min_size=1, max_size=3
)
NEAR_MISS = st.fixed_dictionaries(
    {},
    optional={
        "tweet_ids": st.lists(SENT_ID | ANY_JSON, max_size=300) | ANY_JSON,
        "engagement_types": st.lists(
            st.sampled_from([*METRICS, "impressions", "url_clicks"]) | ANY_JSON, max_size=6
        ),
        "groupings": GROUPINGS | st.dictionaries(st.text(), ANY_JSON, max_size=3) | ANY_JSON,
    },
)


def answered(body: bytes) -> tuple[int, Any]:
    """The answer to this body, after its way through JSON, gzip and back."""
    app = app_at(Clock())
    answer = app.handle(Request("POST", "/insights/engagement/totals", headers=BEARER, body=body))
    sent = encode(answer, now=NOON, accepts_gzip=True, close=False)
    return answer.status, orjson.loads(zlib.decompress(sent.partition(b"\r\n\r\n")[2], 31))


def as_json(content: Any) -> bytes:
    # Not orjson: it does not write integers beyond 64 bits, and those are to be sent.
    return json.dumps(content).encode()


@given(NEAR_MISS | ANY_JSON)
def test_any_json_gets_a_well_formed_answer(content: Any) -> None:
    status, answer = answered(as_json(content))
    assert status in STATUSES
    if status != 200:
        assert all(isinstance(text, str) and text for text in answer["errors"])


@given(st.binary(max_size=200))
def test_any_bytes_get_a_well_formed_answer(body: bytes) -> None:
    status, answer = answered(body)
    assert status == 400
    assert len(answer["errors"]) == 1


@given(st.text(max_size=100), st.text(max_size=20), st.sampled_from(["GET", "POST", "HEAD", "PUT"]))
def test_any_path_and_query_get_an_answer_that_is_no_failure_of_the_server(
    query: str, path: str, method: str
) -> None:
    for target in (path, "/sandbox/truth", "/sandbox/faults", "/oauth2/token"):
        answer = app_at(Clock()).handle(Request(method, target, query, body=query.encode()))
        assert answer.status < 500
        assert encode(answer, now=NOON, accepts_gzip=False, close=False)


@given(st.lists(SENT_ID, min_size=1, max_size=250), st.integers(0, 10**8), st.integers(-5, 5))
def test_totals_are_the_truth_of_their_date(ids: list[int | str], later: int, seed: int) -> None:
    app = app_at(Clock(NOON + later + 0.7), seed=seed)
    answer = app.handle(ask_for(ids))
    assert answer.at == NOON + later
    numbers = list(dict.fromkeys(int(post_id) for post_id in ids))
    truth = app.handle(get("/sandbox/truth", f"ids={','.join(map(str, numbers))}&at={answer.at}")).content[
        "posts"
    ]
    unavailable = answer.content.get("unavailable_tweet_ids", [])
    unsupported = answer.content.get("unsupported_for_video_views_tweet_ids", [])
    assert unavailable == [post_id for post_id, told in truth.items() if not told["available"]]
    for post_id, counts in answer.content.get("by_post", {}).items():
        expected = {name: str(count or 0) for name, count in truth[post_id]["counts"].items()}
        assert counts == expected
        assert (post_id in unsupported) == (truth[post_id]["counts"]["video_views"] is None)
    assert len(unavailable) + len(answer.content.get("by_post", {})) == len(numbers)


@given(
    st.lists(POST_ID, min_size=1, max_size=20), st.integers(NOON - 10**8, NOON + 10**8), st.integers(0, 10**7)
)
def test_gains_add_up_and_falls_take_no_more_than_there_was(ids: list[int], at: int, later: int) -> None:
    world, posts = World(1, falls=0.5, second_waves=0.5), np.array(ids, dtype=np.int64)
    before, after = world.gained(posts, at), world.gained(posts, at + later)
    assert (after >= before).all()
    counts = world.counts(posts, at)
    assert (counts >= 0).all()
    assert (counts <= before).all()


@given(GROUPINGS)
def test_every_grouping_adds_up_to_the_same_sum(groupings: Any) -> None:
    def total(part: Any) -> int:
        return sum(map(total, part.values())) if isinstance(part, dict) else int(part)

    answer = app_at(Clock()).handle(ask_for(list(range(1, 60)), groupings=groupings))
    reserved = {name for name in groupings if name in ("errors", "start", "end")}
    assert answer.status == (400 if reserved else 200)
    if not reserved:
        assert len({total(answer.content[name]) for name in groupings}) == 1
