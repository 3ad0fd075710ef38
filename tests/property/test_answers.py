"""Answers of any kind: none makes reading crash, and each Post asked for has one fate."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.engagement.fakes import NOON, Sent, bench, counted, counts_of, reply, run_virtual
from worker.engagement import EngagementError, Reply
from worker.engagement.answers import measured_at, read
from worker.model import NOT_AVAILABLE, PUBLIC_METRICS, PostId, Timestamp

ASKED = [PostId(1_976_092_594_838_686_290 + number) for number in range(4)]
KEYS = [
    "by_post",
    "errors",
    "unavailable_tweet_ids",
    "unsupported_for_video_views_tweet_ids",
    "unsupported_for_impressions_engagements_tweet_ids",
    "message",
    *PUBLIC_METRICS,
    *map(str, ASKED),
]
TEXTS = (
    st.sampled_from(KEYS)
    | st.sampled_from(
        [
            f"Forbidden to access tweets: {ASKED[0]}, {ASKED[1]}",
            "Forbidden to access metrics: retweets",
            "Too Many Requests",
            "9" * 400,
            "9" * 5000,
        ]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.integers(-(10**20), 10**20).map(str)
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=25,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "by_post": st.dictionaries(
            st.sampled_from([*map(str, ASKED), "5"]),
            st.dictionaries(st.sampled_from(PUBLIC_METRICS), LEAVES, max_size=5) | ANY_JSON,
        )
        | ANY_JSON,
        "errors": st.lists(TEXTS | st.fixed_dictionaries({"message": TEXTS}) | ANY_JSON, max_size=3)
        | ANY_JSON,
        "unavailable_tweet_ids": st.lists(st.sampled_from(ASKED).map(str) | LEAVES, max_size=5) | ANY_JSON,
        "unsupported_for_video_views_tweet_ids": st.lists(st.sampled_from(ASKED) | LEAVES, max_size=5)
        | ANY_JSON,
    },
)
STATUSES = st.sampled_from([200, 400, 403]) | st.integers(100, 999)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "date",
            "retry-after",
            "x-per-minute-limit",
            "x-per-minute-remaining",
            "x-per-minute-reset",
        ]
    ),
    st.text(max_size=20)
    | st.integers(-(10**30), 10**30).map(str)
    | st.builds(
        "Thu, {} Oct {} {}:00:00 {}".format,
        *[st.integers(-5, 10**20)] * 3,
        st.sampled_from(["GMT", "+99999", ""]),
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A right answer with some bytes changed, left out or put in."""
    body = bytearray(orjson.dumps({"by_post": counts_of(ASKED), "unavailable_tweet_ids": [str(ASKED[0])]}))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(body) - 1))
        body[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=2) | st.sampled_from([b'"', b"[", b"}", b"9" * 30, b"1e400", b"-", b"null"])
        )
        if not body:
            break
    return bytes(body)


CONTENT = (BODIES | ANY_JSON).map(orjson.dumps) | mutated() | st.binary(max_size=50)


@given(STATUSES, CONTENT)
@settings(deadline=None, max_examples=400)
def test_no_answer_makes_reading_crash_and_what_it_tells_is_of_posts_asked_for(
    status: int, body: bytes
) -> None:
    try:
        answer = read(Reply(status, {}, body), ASKED, PUBLIC_METRICS)
    except EngagementError:
        return
    told = [*answer.post_ids.tolist(), *answer.unavailable, *answer.refused]
    assert len(told) == len(set(told))
    assert set(told) <= set(ASKED)
    assert answer.values.shape == (len(answer.post_ids), len(PUBLIC_METRICS))
    available = answer.values[answer.values != NOT_AVAILABLE]
    assert (abs(available) <= 10**15).all()


@given(HEADERS)
@settings(deadline=None)
def test_no_header_makes_reading_crash(headers: dict[str, str]) -> None:
    moment = measured_at(Reply(200, headers, b""), Timestamp(NOON))
    assert abs(moment - NOON) <= 3600


@given(st.lists(st.tuples(STATUSES.filter(lambda status: status != 401), HEADERS, CONTENT), max_size=5))
@settings(deadline=None, max_examples=150)
def test_whatever_comes_each_post_is_accounted_for_once(
    answers: list[tuple[int, dict[str, str], bytes]],
) -> None:
    async def asked() -> Any:
        tested = bench(*(Reply(status, headers, body) for status, headers, body in answers))
        return await tested.ask(ASKED)

    run_virtual(asked())


FATES = st.sampled_from(["counted", "gone", "silent", "forbidden", "bad"])


@given(
    st.lists(FATES, min_size=1, max_size=40),
    st.lists(st.sampled_from(["ok", "500", "429", "html"]), max_size=20),
)
@settings(deadline=None, max_examples=80)
def test_each_post_meets_its_own_fate_whatever_fails_on_the_way(fates: list[str], faults: list[str]) -> None:
    """Posts that the API counts, has lost, leaves out, forbids, or takes a whole request down with."""
    # Where each eighth of a request holds a bad one, it looks as if the API refused everything.
    assume(fates.count("bad") < 8)
    posts = {1000 + number: fate for number, fate in enumerate(fates)}
    coming = iter(faults)

    def judge(sent: Sent) -> Reply:
        fault = next(coming, "ok")
        if fault != "ok":
            return {"500": reply(500, b""), "429": reply(429, {}), "html": reply(200, b"<html>")}[fault]
        by_fate = {fate: [post for post in sent.post_ids if posts[post] == fate] for fate in posts.values()}
        if by_fate.get("forbidden"):
            named = ", ".join(map(str, by_fate["forbidden"]))
            return reply(403, {"errors": [f"Forbidden to access tweets: {named}"]})
        if by_fate.get("bad"):
            return reply(400, {"errors": ["Invalid Tweet ID"]})
        gone = by_fate.get("gone", [])
        left_out = [*gone, *by_fate.get("silent", [])]
        return counted(sent, without=left_out, unavailable_tweet_ids=[str(post) for post in gone])

    async def asked() -> None:
        tested = bench(otherwise=judge, attempts=20)
        outcome = await tested.ask(list(posts))
        measured = {post for counts in outcome.counts for post in counts.post_ids.tolist()}
        told = {
            "counted": measured,
            "gone": set(outcome.unavailable),
            "silent": set(outcome.again),
        }
        for fate, right in told.items():
            assert right == {post for post, met in posts.items() if met == fate}
        assert set(outcome.refused) == {post for post, met in posts.items() if met in ("forbidden", "bad")}

    run_virtual(asked())


@given(st.floats(0.001, 30), st.lists(st.sampled_from([200, 429, 500]), max_size=6))
@settings(deadline=None, max_examples=60)
def test_a_request_cut_off_at_any_time_is_accounted_for(after: float, statuses: list[int]) -> None:
    async def cut_off() -> None:
        tested = bench(*(reply(status, b"") for status in statuses), latency=1)
        request = asyncio.create_task(tested.ask(ASKED))
        await asyncio.sleep(after)
        tested.check_counters()
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        tested.check_counters()
        assert tested.value("toptweets_ids_in_flight") == 0

    run_virtual(cut_off())
