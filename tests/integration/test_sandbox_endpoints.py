"""The emulated API over real HTTP: both authentications, the three endpoints, and refusals in their words."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from oauthlib.oauth1 import Client

from sandbox.server import SandboxSettings, running_sandbox
from sandbox.world import World
from tests.unit.sandbox.asking import BEARER, BY_BOTH, NOON, Clock, post_created_at, some_posts
from tests.unit.sandbox.signing import ALICE, BOB, DEFAULTS, POSTS_OF_ALICE, POSTS_OF_BOB, owned_by

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from sandbox.accounts import Account

pytestmark = pytest.mark.anyio
PERIOD = "2025-07-11T12:00:00Z - 2025-10-09T12:00:00Z"
AGAIN = " Please adjust your request and try again."
GONE, MINE = (
    [p for p in POSTS_OF_ALICE if World(1).unavailable(np.array([p]), NOON)[0] == gone]
    for gone in (True, False)
)
OLD = owned_by(ALICE, [post_created_at(NOON - 100 * 86_400, low) for low in range(50)])[0]
ANCIENT = post_created_at(NOON - 1801 * 86_400)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Bearer(httpx.Auth):
    """The app alone."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers.update(BEARER)
        yield request


class Signing(httpx.Auth):
    """An account, by a library that the sandbox does not use; with the hash of the body."""

    requires_request_body = True

    def __init__(self, account: Account, **options: Any) -> None:
        self._options = {
            "client_key": DEFAULTS.consumer_key,
            "client_secret": DEFAULTS.consumer_secret,
            "resource_owner_key": account.token,
            "resource_owner_secret": account.secret,
            "timestamp": str(NOON),
            **options,
        }

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        content = {"Content-Type": request.headers["content-type"]}
        _, headers, _ = Client(**self._options).sign(
            str(request.url), request.method, request.content.decode(), content
        )
        request.headers["Authorization"] = headers["Authorization"]
        yield request


@asynccontextmanager
async def client(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a sandbox whose clock stands at noon."""
    async with (
        running_sandbox(SandboxSettings(clock=Clock(), **settings)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, timeout=30) as connected,
    ):
        yield connected


def body(ids: list[Any], *metrics: str, groupings: Any = None, **more: object) -> dict[str, object]:
    return {
        "tweet_ids": ids,
        "engagement_types": list(metrics or ("favorites",)),
        "groupings": groupings or BY_BOTH,
        **more,
    }


def by(*values: str) -> dict[str, object]:
    return {"g": {"group_by": list(values)}}


ME, APP = Signing(ALICE), Bearer()
UNKNOWN_GROUPS = "One or more of the groupBys you have specified are not supported: "
UNKNOWN_TYPES = "One or more of the engagement types you have specified are not supported: "
REFUSALS: list[tuple[str, httpx.Auth, dict[str, object], int, str]] = [
    (
        "totals",
        httpx.Auth(),
        body(MINE),
        401,
        "Your account could not be authenticated. Reason: Bearer token",
    ),
    ("28hr", httpx.Auth(), body(MINE), 401, "Your account could not be authenticated. Reason: Bearer token"),
    ("totals", Signing(ALICE, client_key="x"), body(MINE), 401, "Your account could not be authenticated."),
    ("totals", Signing(ALICE, timestamp=str(NOON - 301)), body(MINE), 401, "Your account could not be auth"),
    ("totals", Signing(ALICE, resource_owner_secret="x"), body(MINE), 401, "Your account could not be auth"),
    ("totals", APP, body(MINE, "impressions"), 403, "Forbidden to access metrics: impressions"),
    ("28hr", APP, body(MINE[:1], "retweets"), 403, "Forbidden to access metrics: retweets"),
    ("historical", APP, body(MINE[:1], "retweets"), 403, "Forbidden to access metrics: retweets"),
    ("28hr", ME, body(POSTS_OF_BOB[:2]), 403, "Forbidden to access tweets: {}, {}".format(*POSTS_OF_BOB)),
    ("historical", ME, body(POSTS_OF_BOB[:1]), 403, f"Forbidden to access tweets: {POSTS_OF_BOB[0]}"),
    (
        "totals",
        ME,
        body(POSTS_OF_BOB[:1], "impressions"),
        403,
        f"Forbidden to access tweets: {POSTS_OF_BOB[0]}",
    ),
    ("totals", APP, body(GONE[:1]), 400, "1 Tweet ID(s) are unavailable"),
    ("28hr", ME, body(GONE[:1]), 400, "1 Tweet ID(s) are unavailable"),
    (
        "totals",
        APP,
        body(MINE, groupings=by("engagement.hour")),
        400,
        UNKNOWN_GROUPS + "(engagement.hour)." + AGAIN,
    ),
    (
        "totals",
        APP,
        body(MINE, groupings=by("engagement.day")),
        400,
        UNKNOWN_GROUPS + "(engagement.day)." + AGAIN,
    ),
    ("28hr", ME, body(MINE[:1], groupings=by("author")), 400, UNKNOWN_GROUPS + "(author)." + AGAIN),
    ("28hr", ME, body(MINE[:1], "quote_tweets"), 400, UNKNOWN_TYPES + "(quote_tweets)." + AGAIN),
    ("totals", APP, body(MINE, "likes"), 400, UNKNOWN_TYPES + "(likes)." + AGAIN),
    (
        "totals",
        APP,
        body(list(range(1, 252))),
        400,
        "The number of Tweet IDs (251) exceeds the maximum of 250.",
    ),
    ("28hr", ME, body(list(range(1, 27))), 400, "The number of Tweet IDs (26) exceeds the maximum of 25."),
    ("historical", ME, body(MINE[:1], end="2025-10-10"), 400, "end cannot be in the future."),
    (
        "historical",
        ME,
        body(MINE[:1], start="2014-08-31", end="2014-09-02"),
        400,
        "start cannot be before 2014-09-01",
    ),
    (
        "historical",
        ME,
        body(MINE[:1], start="2025-08-01", end="2025-09-01"),
        400,
        "The time between start and end",
    ),
    ("7days", APP, body(MINE), 404, "There is nothing at /insights/engagement/7days"),
]


@pytest.mark.parametrize(("endpoint", "auth", "content", "status", "text"), REFUSALS)
async def test_what_is_refused_says_why(
    endpoint: str, auth: httpx.Auth, content: dict[str, object], status: int, text: str
) -> None:
    async with client() as connected:
        answer = await connected.post(f"/insights/engagement/{endpoint}", json=content, auth=auth)
        assert (answer.status_code, answer.headers["content-encoding"]) == (status, "gzip")
        (told,) = answer.json()["errors"]
        assert told.startswith(text)
        assert "by_post" not in answer.json()


@pytest.mark.parametrize(
    ("sent", "text"), [(b"", "Request body is missing."), (b"{", "Request body is not valid")]
)
async def test_no_body_and_no_json_are_refused(sent: bytes, text: str) -> None:
    async with client() as connected:
        answer = await connected.post("/insights/engagement/totals", content=sent, auth=APP)
        assert answer.status_code == 400
        assert answer.json()["errors"][0].startswith(text)


@pytest.mark.parametrize("endpoint", ["totals", "28hr", "historical"])
async def test_an_account_is_answered_once_for_each_signature(endpoint: str) -> None:
    async with client() as connected:
        content = body(MINE[:25], "impressions", "engagements", "favorites", "video_views")
        path = f"/insights/engagement/{endpoint}?a=1&b=x%20y"
        first = await connected.post(path, json=content, auth=ME)
        assert first.status_code == 200
        assert set(first.json()["by_post"]) == set(map(str, MINE[:25]))
        replayed = await connected.post(
            path, content=first.request.content, headers=dict(first.request.headers)
        )
        assert replayed.status_code == 401
        assert replayed.json()["errors"] == [
            "Your account could not be authenticated. Reason: The nonce was used before"
        ]
        assert (await connected.post(path, json=content, auth=ME)).status_code == 200


async def test_a_client_sets_itself_up_with_what_the_sandbox_lists() -> None:
    async with client(seed=4, accounts=2) as connected:
        listed = (await connected.get("/sandbox/accounts")).json()
        second = listed["accounts"][1]
        ids = ",".join(map(str, some_posts(40)))
        owners = (await connected.get("/sandbox/owner", params={"ids": ids})).json()["posts"]
        mine = [post_id for post_id, of in owners.items() if of["author_id"] == second["account_id"]]
        auth = Signing(
            BOB,
            client_key=listed["consumer_key"],
            client_secret=listed["consumer_secret"],
            resource_owner_key=second["token"],
            resource_owner_secret=second["token_secret"],
        )
        answer = await connected.post(
            "/insights/engagement/28hr", json=body(mine[:5], "url_clicks"), auth=auth
        )
        assert answer.status_code == 200


async def test_partial_answers_carry_data_errors_and_lists_together() -> None:
    async with client() as connected:
        content = body([MINE[0], GONE[0], OLD], "impressions", "favorites")
        answer = (await connected.post("/insights/engagement/totals", json=content, auth=ME)).json()
        assert answer["unavailable_tweet_ids"] == [str(GONE[0])]
        assert answer["unsupported_for_impressions_engagements_tweet_ids"] == [str(OLD)]
        assert answer["errors"] == [
            "1 Tweet ID(s) are unavailable",
            f"Impressions & engagements for tweets older than 90 days ({PERIOD}) are not supported",
        ]
        assert set(answer["by_post"]) == {str(MINE[0]), str(OLD)}
        views = body([MINE[0], ANCIENT], "video_views")
        answer = (await connected.post("/insights/engagement/totals", json=views, auth=APP)).json()
        assert answer["unsupported_for_video_views_tweet_ids"] == [str(ANCIENT)]


async def test_ids_come_as_clients_send_them_and_nobody_needs_gzip() -> None:
    async with client() as connected:
        sent = [MINE[0], str(MINE[1]), f"{MINE[2]}\n", MINE[0]]
        for headers in ({}, {"accept-encoding": "identity"}):
            answer = await connected.post(
                "/insights/engagement/28hr", json=body(sent), auth=ME, headers=headers
            )
            assert list(answer.json()["by_post"]) == list(map(str, MINE[:3]))
            assert ("content-encoding" in answer.headers) == (not headers)


async def test_both_families_of_rate_headers_and_the_app_shares_its_quota() -> None:
    async with client(requests_per_minute=5, requests_per_second=2) as connected:
        answers = [
            await connected.post("/insights/engagement/totals", json=body(MINE), auth=auth)
            for auth in (APP, ME, APP)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert {name: value for name, value in answers[1].headers.items() if name.startswith("x-per")} == {
            "x-per-minute-limit": "5",
            "x-per-minute-remaining": "3",
            "x-per-minute-reset": str(NOON + 60),
            "x-per-second-limit": "2",
            "x-per-second-remaining": "0",
            "x-per-second-reset": str(NOON + 1),
        }
        assert answers[2].json() == {"errors": ["Too Many Requests"]}


@pytest.mark.parametrize(
    ("fault", "status", "gzip"),
    [
        ("429", 429, True),
        ("429_plain", 429, False),
        ("429_html", 429, True),
        ("500", 500, True),
        ("502", 502, True),
        ("503", 503, True),
        ("503_html", 503, True),
        ("plain", 200, False),
        ("not_json", 200, True),
        ("forbidden", 403, True),
    ],
)
async def test_faults_of_one_request_over_http(fault: str, status: int, gzip: bool) -> None:
    async with client() as connected:
        rules = [{"fault": fault, "nth": [2], "endpoint": "28hr"}]
        assert (await connected.post("/sandbox/faults", json={"rules": rules})).status_code == 200
        answers = [
            await connected.post("/insights/engagement/28hr", json=body(MINE[:2]), auth=ME) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, status, 200]
        assert ("content-encoding" in answers[1].headers) == gzip


async def test_the_description_is_served() -> None:
    async with client() as connected:
        answer = await connected.get("/sandbox/openapi.json")
        assert answer.json()["openapi"] == "3.1.0"
        assert len(answer.json()["paths"]) == 4
