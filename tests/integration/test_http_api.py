"""The API over true connections: every route, and each answer held against the OpenAPI document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import jsonschema
import pytest

from tests.unit.publish.http.outlooks import outlook
from tests.unit.publish.http.serving import NOON, PATIENCE, Served, Worker, entry, key, leaderboard, serving
from worker.model import MetricName, PostId, Timestamp
from worker.publish.http import BoardChance, Elsewhere, Health, Planning, PostView
from worker.publish.http.openapi import openapi_document
from worker.publish.http.security import HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD_NAMES = (
    "a/b",
    "#NorthernTour",
    "Łódź ☃ 2026",
    "100%",
    "a?b&c=d",
    "%2F",
    "a//b/",
    " ",
    "+1",
    "\\",
    "retweets",
)
GET_ROUTES = ("/", "/page/main.js", "/api/leaderboards", "/api/leaderboards/all/retweets", "/api/posts/20")
ROUTES = (
    *GET_ROUTES,
    "/api/handles",
    "/api/outlook",
    "/api/openapi.json",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/stream",
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    worker = Worker()
    worker.posts[20] = PostView(
        post_id=PostId(20),
        state="measured",
        campaigns=(key("all")[0],),
        created_at=None,
        seen_at=NOON,
        measured_at=Timestamp(NOON + 1.5),
        counts={MetricName("retweets"): 5, MetricName("video_views"): None},
        per_hour={MetricName("retweets"): 1.23456},
        author="jack",
        text="just setting up my twttr",
        due_at=Timestamp(NOON + 60),
        planning=Planning(
            reason="worth",
            asked_at=NOON,
            asked_worth=1234.56789,
            worth=12.5,
            last_seat=99.0,
            half_growth=4800.0,
            boards=[
                BoardChance(key("all")[0], MetricName("retweets"), 5.0, 6.25, 5.1, 9.0, 7.5, 7.0, 0.25),
                BoardChance(key("all")[0], MetricName("video_views"), *(None,) * 6, 1.0),
            ],
        ),
    )
    worker.posts[22] = Elsewhere(7)
    with serving(worker) as running:
        running.publish(
            leaderboard(entries=[entry(rank, 100 + rank, 50 - rank) for rank in range(1, 31)]),
            leaderboard("all", "favorites"),
            *(leaderboard(name, entries=[entry(author="a", text="t")]) for name in ODD_NAMES),
        )
        yield running


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=PATIENCE) as client:
        yield client


def strict(schema: object) -> Any:
    """The schema, with no property allowed that it does not name: so that none goes undocumented."""
    if isinstance(schema, dict):
        walked = {name: strict(value) for name, value in schema.items()}
        if "properties" in walked and walked.get("type") == "object":
            walked.setdefault("additionalProperties", False)
        return walked
    return [strict(each) for each in schema] if isinstance(schema, list) else schema


def documented(answer: httpx.Response, route: str) -> Any:
    """The answer's JSON, which is as the document says for this route and status."""
    document = openapi_document("1.2.3")
    response = document["paths"][route]["get"]["responses"][str(answer.status_code)]
    assert answer.headers["content-type"] in response["content"]
    schema = response["content"]["application/json"]["schema"]
    whole = strict({**schema, "components": document["components"]})
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(whole, format_checker=checker).validate(answer.json())
    return answer.json()


def test_the_list_says_what_there_is(client: httpx.Client) -> None:
    answer = documented(client.get("/api/leaderboards"), "/api/leaderboards")
    assert answer["campaigns"][0] == "all"
    assert set(answer["campaigns"]) == {"all", *ODD_NAMES}
    assert answer["metrics"] == ["favorites", "retweets"]
    assert answer["leaderboards"][1] == {
        "campaign": "all",
        "metric": "retweets",
        "as_of": "2026-11-20T12:00:00Z",
        "tracked_posts": 42,
        "audit": None,
        "entries": 30,
        "url": "/api/leaderboards/all/retweets",
    }


def test_each_link_of_the_list_leads_to_its_leaderboard(client: httpx.Client) -> None:
    for summary in client.get("/api/leaderboards").json()["leaderboards"]:
        board = documented(client.get(summary["url"]), "/api/leaderboards/{campaign}/{metric}")
        assert (board["campaign"], board["metric"]) == (summary["campaign"], summary["metric"])
        assert len(board["entries"]) == summary["entries"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_campaign_may_have_any_name(client: httpx.Client, name: str) -> None:
    board = client.get(f"/api/leaderboards/{quote(name, safe='')}/retweets").json()
    assert board["campaign"] == name


def test_a_leaderboard_can_be_cut(client: httpx.Client) -> None:
    board = client.get("/api/leaderboards/all/retweets?limit=3").json()
    assert [each["rank"] for each in board["entries"]] == [1, 2, 3]
    whole = client.get("/api/leaderboards/all/retweets?limit=1000").json()
    assert len(whole["entries"]) == 30


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "", "1.5", "٣", "1&limit=2", "9" * 5000])
def test_a_limit_that_is_none_is_told(client: httpx.Client, limit: str) -> None:
    answer = client.get(f"/api/leaderboards/all/retweets?limit={limit}")
    assert answer.status_code == 400
    error = documented(answer, "/api/leaderboards/{campaign}/{metric}")["error"]
    assert error["code"] == "bad_parameter"
    assert error["parameter"] == "limit"
    assert error["value"] == limit.replace("&limit=", ", ")
    assert error["mend"] in error["message"]


def test_what_is_not_there_is_told_with_what_is_near(client: httpx.Client) -> None:
    answer = client.get("/api/leaderboards/%23northerntuor/retweet")
    assert answer.status_code == 404
    error = documented(answer, "/api/leaderboards/{campaign}/{metric}")["error"]
    assert error["code"] == "no_such_leaderboard"
    assert error["near"] == [
        {
            "campaign": "#NorthernTour",
            "metric": "retweets",
            "url": "/api/leaderboards/%23NorthernTour/retweets",
        }
    ]
    metric = client.get("/api/leaderboards/all/favorite").json()["error"]["near"]
    assert [each["metric"] for each in metric] == ["favorites", "retweets"]


def test_before_the_first_leaderboard_the_api_says_so() -> None:
    with serving(Worker()) as empty:
        answer = httpx.get(f"{empty.url}/api/leaderboards/all/retweets")
        assert "None has been published yet." in answer.json()["error"]["message"]
        assert httpx.get(f"{empty.url}/api/leaderboards").json()["leaderboards"] == []


def test_a_post_is_told_with_all_that_is_known(client: httpx.Client) -> None:
    assert documented(client.get("/api/posts/20"), "/api/posts/{id}") == {
        "post_id": "20",
        "state": "measured",
        "campaigns": ["all"],
        "created_at": None,
        "seen_at": "2026-11-20T12:00:00Z",
        "measured_at": "2026-11-20T12:00:01.500Z",
        "due_at": "2026-11-20T12:01:00Z",
        "counts": {"retweets": 5, "video_views": None},
        "rates": {},
        "per_hour": {"retweets": 1.235},
        "planning": {
            "reason": "worth",
            "asked_at": "2026-11-20T12:00:00Z",
            "asked_worth": 1234.57,
            "worth": 12.5,
            "last_seat": 99.0,
            "half_growth_s": 4800.0,
            "boards": [
                {
                    "campaign": "all",
                    "metric": "retweets",
                    "value": 5.0,
                    "expected": 6.25,
                    "low": 5.1,
                    "high": 9.0,
                    "bar": 7.5,
                    "shown_bar": 7.0,
                    "chance": 0.25,
                },
                {
                    "campaign": "all",
                    "metric": "video_views",
                    "value": None,
                    "expected": None,
                    "low": None,
                    "high": None,
                    "bar": None,
                    "shown_bar": None,
                    "chance": 1.0,
                },
            ],
        },
        "author": "jack",
        "text": "just setting up my twttr",
        "url": "https://twitter.com/lookup/status/20",
    }


@pytest.mark.parametrize(
    "post_id", ["0", "007", "-1", "abc", "1e5", "9223372036854775808", "9" * 5000, "%20"]
)
def test_a_post_id_that_is_none_is_told(client: httpx.Client, post_id: str) -> None:
    answer = client.get(f"/api/posts/{post_id}")
    assert answer.status_code == 400
    assert documented(answer, "/api/posts/{id}")["error"]["parameter"] == "id"


def test_a_post_that_is_not_tracked_is_told(client: httpx.Client) -> None:
    answer = client.get("/api/posts/21")
    assert answer.status_code == 404
    assert documented(answer, "/api/posts/{id}")["error"]["code"] == "not_tracked"


def test_a_post_of_another_workers_partition_is_told_with_the_partition(client: httpx.Client) -> None:
    answer = client.get("/api/posts/22")
    assert answer.status_code == 404
    error = documented(answer, "/api/posts/{id}")["error"]
    assert (error["code"], error["partition"]) == ("another_worker", 7)
    assert "partition 7" in error["message"]


def test_until_there_is_an_outlook_the_reason_is_told(client: httpx.Client) -> None:
    answer = client.get("/api/outlook")
    assert answer.status_code == 200
    assert documented(answer, "/api/outlook") == {"result": None, "reason": "it is being simulated"}


def test_an_outlook_is_told_budget_by_budget() -> None:
    with serving(Worker(outlook=outlook(0.5, 1.0))) as served:
        told = documented(httpx.get(f"{served.url}/api/outlook", timeout=PATIENCE), "/api/outlook")
    assert told["reason"] is None
    result = told["result"]
    assert (result["made_at"], result["took_s"]) == ("2026-11-20T12:00:00Z", 412.3)
    assert result["left_out"] == [0.25, 2.0, 4.0]
    assert result["world"] == {
        "posts": 200_000,
        "posts_per_hour": 4166.7,
        "campaigns": 20,
        "metrics": ["favorites", "retweets"],
        "top": 50,
        "half_growth_s": 4800.0,
        "size_tail": 1.12,
        "scale": 0.1,
    }
    assert result["budgets"][0] == {
        "budget": 0.5,
        "requests_per_minute": 30.0,
        "worlds": 3,
        "recall": {"mean": 0.957, "within": 0.004},
        "exact_boards": {"mean": 0.4785, "within": 0.004},
        "shown_error": {"mean": 0.08, "within": 0.004},
    }


def test_one_world_says_nothing_of_how_sure_it_is() -> None:
    with serving(Worker(outlook=outlook(within=None))) as served:
        told = documented(httpx.get(f"{served.url}/api/outlook", timeout=PATIENCE), "/api/outlook")
    assert {one["recall"]["within"] for one in told["result"]["budgets"]} == {None}


def test_health_and_readiness_answer_by_status(client: httpx.Client, served: Served) -> None:
    healthy = client.get("/healthz")
    assert healthy.status_code == 200
    assert documented(healthy, "/healthz") == {"ok": True, "checks": {"poller": "progressed 1 s ago"}}
    unready = client.get("/readyz")
    assert unready.status_code == 503
    assert not documented(unready, "/readyz")["ok"]
    served.worker.ready = Health(ok=True, checks={})
    assert client.get("/readyz").status_code == 200


def test_metrics_come_as_text_or_openmetrics(client: httpx.Client) -> None:
    text = client.get("/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE toptweets_streams gauge" in text.text
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3"}
    modern = client.get("/metrics", headers=accept)
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")


def test_the_document_is_served_and_its_schemas_are_schemas(client: httpx.Client) -> None:
    document = client.get("/api/openapi.json").json()
    assert document == json.loads(json.dumps(openapi_document("1.2.3")))
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_document_names_every_route(client: httpx.Client) -> None:
    paths = openapi_document("1.2.3")["paths"]
    values = {"{campaign}": "all", "{metric}": "retweets", "{id}": "20"}
    for path in paths:
        url = path
        for name, value in values.items():
            url = url.replace(name, value)
        assert client.head(url).status_code in (200, 503), path
    assert len(paths) == len(ROUTES) - 2, "the page and its files are not part of the API"


@pytest.mark.parametrize("route", ROUTES)
def test_head_answers_as_get_does_without_a_body(client: httpx.Client, route: str) -> None:
    head = client.head(route)
    assert head.content == b""
    if route != "/api/stream":
        got = client.get(route)
        assert head.status_code == got.status_code
        assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("route", [*ROUTES, "/nothing", "/api/nothing", "/api/posts/x"])
def test_every_answer_carries_the_security_headers(client: httpx.Client, route: str) -> None:
    answer = client.head(route)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "server" not in answer.headers


@pytest.mark.parametrize("route", ["/", "/page/main.js", "/page/page.css", "/api/leaderboards/all/retweets"])
def test_what_the_client_has_is_not_sent_again(client: httpx.Client, route: str) -> None:
    first = client.get(route)
    again = client.get(route, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get(route, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_and_its_files_are_served(client: httpx.Client, route: str, kind: str) -> None:
    answer = client.get(route)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert "{{" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/..%2Fapp.py",
        "/page/%2e%2e/app.py",
        "/page/%2e%2e%2fapp.py",
        "/page//etc/passwd",
        "/page/%2Fetc%2Fpasswd",
        "/page/",
        "/page/nothing.js",
        "/page/main.js%00.css",
        "/app.py",
        "//",
    ],
)
def test_nothing_beside_the_page_can_be_had(served: Served, path: str) -> None:
    with httpx.Client(timeout=PATIENCE) as plain:
        url = httpx.URL(served.url).copy_with(raw_path=path.encode())
        answer = plain.get(url)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "no_such_route"


def test_a_method_that_is_none_is_told(client: httpx.Client) -> None:
    answer = client.post("/api/leaderboards")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_a_failure_tells_nothing_of_the_inside() -> None:
    worker = Worker()
    with serving(worker) as running:
        del worker.health  # the check fails
        answer = httpx.get(f"{running.url}/healthz", timeout=PATIENCE)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "attribute" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_large_answers_are_compressed_for_those_who_take_it(client: httpx.Client) -> None:
    answer = client.get("/api/leaderboards/all/retweets", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get("/api/leaderboards/all/retweets", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == answer.json()
