"""The sandbox over real HTTP: what a client sees of it, and what only the wire can do."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sandbox.server import RunningSandbox, SandboxSettings, running_sandbox
from sandbox.wire import MAX_BODY, MAX_HEAD
from tests.unit.sandbox.asking import BEARER, BY_BOTH, NOON, PUBLIC, Clock, some_posts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.anyio
TOTALS = "/insights/engagement/totals"
ASKED = {
    "tweet_ids": list(map(str, some_posts(250))),
    "engagement_types": PUBLIC,
    "groupings": BY_BOTH,
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def sandbox_and_client(**settings: Any) -> AsyncIterator[tuple[RunningSandbox, httpx.AsyncClient]]:
    async with (
        running_sandbox(SandboxSettings(**settings)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, headers=BEARER, timeout=30) as client,
    ):
        yield sandbox, client


async def raw(sandbox: RunningSandbox, sent: bytes) -> bytes:
    """All that the sandbox answers to these bytes until it closes the connection."""
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    received = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    return received


async def test_totals_come_as_gzip_with_date_and_rates_and_are_the_truth() -> None:
    async with sandbox_and_client(clock=Clock(NOON + 0.5)) as (_, client):
        answer = await client.post(TOTALS, json=ASKED)
        assert answer.status_code == 200
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-per-minute-remaining"] == "119"
        at = int(parsedate_to_datetime(answer.headers["date"]).timestamp())
        assert at == NOON
        ids = ",".join(ASKED["tweet_ids"])
        truth = (await client.get("/sandbox/truth", params={"ids": ids, "at": at})).json()["posts"]
        told = answer.json()["by_post"]
        assert told == {
            post_id: {name: str(count) for name, count in truth[post_id]["counts"].items()}
            for post_id in told
        }
        assert len(told) + len(answer.json()["unavailable_tweet_ids"]) == 250


async def test_errors_are_gzip_too_and_nothing_is_for_who_does_not_take_it() -> None:
    async with sandbox_and_client() as (_, client):
        refused = await client.post(TOTALS, json={})
        assert (refused.status_code, refused.headers["content-encoding"]) == (400, "gzip")
        plain = await client.post(TOTALS, json=ASKED, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.json()["by_post"]


async def test_a_token_is_fetched_used_revoked_and_fetched_again() -> None:
    async with sandbox_and_client() as (_, client):

        async def fetched() -> str:
            answer = await client.post(
                "/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=("sandbox-key", "sandbox-secret"),
            )
            return f"Bearer {answer.json()['access_token']}"

        async def status(token: str) -> int:
            return (await client.post(TOTALS, json=ASKED, headers={"authorization": token})).status_code

        first = await fetched()
        assert await status(first) == 200
        await client.post("/sandbox/tokens/revoke")
        assert await status(first) == 401
        assert await status(await fetched()) == 200


async def test_the_quota_holds_in_every_rolling_minute_for_many_connections() -> None:
    clock = Clock()
    async with sandbox_and_client(clock=clock, requests_per_minute=30) as (_, client):
        let_in: list[float] = []
        for _ in range(20):
            answers = await asyncio.gather(*(client.post(TOTALS, json=ASKED) for _ in range(7)))
            let_in += [clock.now for answer in answers if answer.status_code == 200]
            assert {answer.status_code for answer in answers} <= {200, 429}
            assert all("by_post" in answer.json() for answer in answers if answer.status_code == 200)
            clock.now += 11.5
        busiest = max(sum(end - 60 < at <= end for at in let_in) for end in let_in)
        stats = (await client.get("/sandbox/stats")).json()
        assert busiest == stats["most_let_in_a_minute"] == 30
        assert stats["most_requests_in_a_minute"] == 42
        assert stats["answers_by_status"] == {"200": len(let_in), "429": 140 - len(let_in)}


@pytest.mark.parametrize("fault", ["cut_off", "hang_up"])
async def test_a_connection_that_is_cut_is_an_error_for_the_client(fault: str) -> None:
    async with sandbox_and_client() as (_, client):
        await client.post("/sandbox/faults", json={"shares": {fault: 1}})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(TOTALS, json=ASKED)
        await client.post("/sandbox/faults", json={})
        assert (await client.post(TOTALS, json=ASKED)).status_code == 200


async def test_a_cut_answer_has_its_head_and_a_hung_up_one_nothing() -> None:
    body = json.dumps(ASKED).encode()
    head = (f"POST {TOTALS} HTTP/1.1", "Authorization: Bearer sandbox-token", f"Content-Length: {len(body)}")
    request = "\r\n".join((*head, "\r\n")).encode() + body
    async with sandbox_and_client() as (sandbox, client):
        await client.post("/sandbox/faults", json={"shares": {"cut_off": 1}})
        told, _, begun = (await raw(sandbox, request)).partition(b"\r\n\r\n")
        length = int(told.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        assert told.startswith(b"HTTP/1.1 200 OK\r\n")
        assert 0 < len(begun) < length
        await client.post("/sandbox/faults", json={"shares": {"hang_up": 1}})
        assert await raw(sandbox, request) == b""


async def test_html_bad_json_and_plain_answers_are_as_their_names_say() -> None:
    async with sandbox_and_client() as (_, client):

        async def met(fault: str) -> httpx.Response:
            await client.post("/sandbox/faults", json={"shares": {fault: 1}})
            return await client.post(TOTALS, json=ASKED)

        html = await met("html")
        assert (html.status_code, html.headers["content-type"]) == (502, "text/html")
        assert html.text.startswith("<html>")
        broken = await met("bad_json")
        assert broken.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            broken.json()
        plain = await met("plain")
        assert "content-encoding" not in plain.headers
        assert plain.json()["by_post"]


async def test_a_slow_answer_holds_up_its_connection_only() -> None:
    async with sandbox_and_client() as (_, client):
        await client.post("/sandbox/faults", json={"shares": {"slow": 1}, "slow_seconds": 3600})
        slow = asyncio.create_task(client.post(TOTALS, json=ASKED))
        while (await client.get("/sandbox/stats")).json()["requests"] == 0:
            assert not slow.done()  # each turn is a request
        assert (await client.get("/sandbox/truth", params={"ids": "20"})).status_code == 200
        assert not slow.done()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow


async def test_late_answers_on_one_connection_keep_the_order_of_the_requests() -> None:
    async with sandbox_and_client() as (sandbox, client):
        await client.post("/sandbox/faults", json={"latency_seconds": 0.01})
        pipelined = (
            f"POST {TOTALS} HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
            "GET /sandbox/faults HTTP/1.1\r\nConnection: close\r\n\r\n"
        ).encode()
        received = await raw(sandbox, pipelined)
        assert received.count(b"HTTP/1.1 ") == 2
        assert received.index(b"401 Unauthorized") < received.index(b"200 OK")


async def test_a_body_may_come_in_chunks() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        whole = json.dumps(ASKED).encode()
        for start in range(0, len(whole), 1000):
            yield whole[start : start + 1000]

    async with sandbox_and_client() as (_, client):
        answer = await client.post(TOTALS, content=pieces())
        assert answer.status_code == 200


async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it() -> None:
    async with sandbox_and_client() as (sandbox, _):
        asked = b"POST /sandbox/faults HTTP/1.1\r\nConnection: close\r\n"
        received = await raw(sandbox, asked + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
        assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_a_body_that_is_too_long_is_refused_and_the_connection_lives() -> None:
    async with sandbox_and_client() as (_, client):
        refused = await client.post(TOTALS, content=b"x" * (MAX_BODY + 1))
        assert refused.status_code == 413
        assert (await client.post(TOTALS, json=ASKED)).status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400 Bad Request"),
        (b"GET /" + b"a" * (MAX_HEAD * 8), b"431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", b"404 Not Found"),
        (b"GET / HTTP/1.0\r\n\r\n", b"404 Not Found"),
        (b"HEAD /sandbox/stats HTTP/1.1\r\nConnection: close\r\n\r\n", b"405 Method Not Allowed"),
    ],
)
async def test_whatever_is_sent_there_is_an_answer(sent: bytes, status: bytes) -> None:
    async with sandbox_and_client() as (sandbox, client):
        assert (await raw(sandbox, sent)).startswith(b"HTTP/1.1 " + status + b"\r\n")
        assert (await client.get("/sandbox/stats")).status_code == 200


async def test_stopping_drops_open_connections_and_frees_the_port() -> None:
    async with sandbox_and_client() as (sandbox, client):
        await client.post("/sandbox/faults", json={"latency_seconds": 3600})
        waiting = asyncio.create_task(client.post(TOTALS, json=ASKED))
        while (await client.get("/sandbox/stats")).json()["requests"] == 0:
            assert not waiting.done()
        port = int(sandbox.url.rsplit(":", 1)[1])
    with pytest.raises((httpx.TransportError, asyncio.CancelledError)):
        await waiting
    async with running_sandbox(SandboxSettings(port=port)) as again:
        assert again.url == sandbox.url


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        "-m",
        "sandbox",
        "--seed",
        "7",
        "--requests-per-minute",
        "5",
        "--growth-minutes",
        "2.5",
    ]
    environment = {"SANDBOX_BEARER_TOKEN": "from-the-environment"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_where_it_is_takes_its_options_and_ends_cleanly(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    stats = httpx.get(f"{url}/sandbox/stats").json()
    assert stats["world"] == {"seed": 7, "growth_minutes": 2.5}
    assert stats["requests_per_minute"] == 5
    token = {"authorization": "Bearer from-the-environment"}
    assert httpx.post(url + TOTALS, json=ASKED, headers=token).status_code == 200
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_wrong_options_end_with_2_and_a_taken_port_with_1() -> None:
    def ended(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sandbox", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    wrong = ended("--growth-minutes", "0")
    assert (wrong.returncode, wrong.stderr) == (2, "growth_minutes is 0.0; it must be a number above 0\n")
    assert ended("--port", "many").returncode == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = ended("--port", str(taken.getsockname()[1]))
    assert busy.returncode == 1
    assert busy.stderr.startswith("cannot listen on 127.0.0.1:")
