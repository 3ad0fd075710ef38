"""Server-sent events and the server's life, over true connections."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.unit.publish.http.serving import (
    NOON,
    PATIENCE,
    Served,
    Worker,
    entry,
    key,
    leaderboard,
    room,
    serving,
)
from worker.publish.http import HttpServer, ListenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.model import Leaderboard


class Events:
    """A stream as its reader sees it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.lines = response.iter_lines()

    def block(self) -> list[str]:
        """The next lines up to an empty one."""
        block: list[str] = []
        for line in self.lines:
            if not line:
                return block
            block.append(line)
        raise EOFError

    def next(self) -> tuple[str, Any]:
        """The next event."""
        while True:
            block = self.block()
            if block[0].startswith("event: "):
                name, data = block
                return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def read_to_end(self) -> None:
        """Until the server ends the stream, which raises."""
        while True:
            self.block()


@contextmanager
def following(served: Served, **params: str) -> Iterator[Events]:
    with httpx.stream("GET", f"{served.url}/api/stream", params=params, timeout=PATIENCE) as response:
        assert response.status_code == 200, response.read()
        yield Events(response)


def wide_board(version: int, places: int = 1000) -> Leaderboard:
    entries = [entry(rank, rank, 10, text="x" * 280) for rank in range(1, places + 1)]
    return leaderboard("wide", entries=entries, as_of=NOON + version)


def test_a_stream_begins_with_what_is_and_goes_on_with_what_changes() -> None:
    with serving(Worker()) as served:
        served.publish(leaderboard("a", tracked_posts=1))
        with following(served) as events:
            assert events.response.headers["content-type"].startswith("text/event-stream")
            assert "content-encoding" not in events.response.headers
            assert events.block() == ["retry: 2000"]
            name, board = events.next()
            assert (name, board["campaign"], board["tracked_posts"]) == ("leaderboard", "a", 1)
            served.publish(leaderboard("a", tracked_posts=2))
            assert events.next()[1]["tracked_posts"] == 2
            served.withdraw(key("a"))
            assert events.next() == ("withdrawn", {"campaign": "a", "metric": "retweets"})


def test_the_stream_has_the_very_json_of_the_leaderboard() -> None:
    with serving(Worker()) as served:
        served.publish(leaderboard("a", entries=[entry(text="line\nbreak\r\nand \u2028 more")]))
        url = f"{served.url}/api/leaderboards/a/retweets"
        with following(served) as events:
            assert events.next()[1] == httpx.get(url).json()


def test_a_stream_can_be_of_one_leaderboard() -> None:
    with serving(Worker()) as served:
        served.publish(leaderboard("a/b #1"), leaderboard("other"))
        with following(served, campaign="a/b #1", metric="retweets") as events:
            assert events.next()[1]["campaign"] == "a/b #1"
            served.publish(leaderboard("other", tracked_posts=9), leaderboard("a/b #1", tracked_posts=9))
            assert events.next()[1]["campaign"] == "a/b #1"


@pytest.mark.parametrize("query", ["campaign=", "metric=", "campaign=a&campaign=b"])
def test_a_filter_that_is_none_is_told(query: str) -> None:
    with serving(Worker()) as served:
        answer = httpx.get(f"{served.url}/api/stream?{query}")
        assert answer.status_code == 400
        assert answer.json()["error"]["parameter"] == query.partition("=")[0]


def test_a_metric_that_is_not_kept_has_no_stream_and_a_campaign_may_come_yet() -> None:
    with serving(Worker()) as served:
        refused = httpx.get(f"{served.url}/api/stream?metric=fame")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "no_such_metric")
        assert "favorites" in refused.json()["error"]["message"]
        with following(served, campaign="later", metric="retweets") as events:
            served.publish(leaderboard("later"))
            assert events.next()[1]["campaign"] == "later"


def test_a_quiet_stream_has_heartbeats() -> None:
    with serving(Worker(heartbeat=0.01)) as served, following(served) as events:
        assert [events.block() for _ in range(3)] == [["retry: 2000"], [": heartbeat"], [": heartbeat"]]


def test_no_more_streams_than_allowed_until_one_ends() -> None:
    with serving(Worker(max_streams=2)) as served:
        with following(served), following(served):
            refused = httpx.get(f"{served.url}/api/stream")
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "too_many_streams"
            assert refused.headers["retry-after"] == "5"
            assert httpx.head(f"{served.url}/api/stream").status_code == 200
            assert served.worker.streams() == 2
        served.wait_for_streams(0)
        with following(served) as events:
            assert events.block() == ["retry: 2000"]


def test_beyond_the_limit_of_connections_idle_ones_make_room_and_busy_ones_do_not() -> None:
    worker = Worker(max_streams=3)

    def counted(name: str) -> float | None:
        return worker.telemetry.registry.get_sample_value(name)

    with serving(worker, max_connections=3) as served, following(served), following(served):
        served.wait_for_streams(2)
        with httpx.Client() as first, httpx.Client() as second:
            for client in (first, second, first, second):
                assert client.get(f"{served.url}/healthz").status_code == 200
            assert counted("toptweets_http_connections") == 3
        assert counted("toptweets_http_connections_refused_total") == 0
        with following(served):
            refused = httpx.get(f"{served.url}/healthz")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert "publish.http.max_connections" in refused.text
            assert counted("toptweets_http_connections_refused_total") == 1
            assert served.worker.streams() == 3


def test_a_reader_that_stands_still_skips_versions_and_delays_nobody() -> None:
    with serving(Worker()) as served:
        with stalled(served) as still, following(served, campaign="quick") as quick:
            served.wait_for_streams(2)
            for version in range(200):
                served.publish(wide_board(version), leaderboard("quick", tracked_posts=version))
                if version % 50 == 0:
                    assert quick.next()[1]["tracked_posts"] <= version
            while quick.next()[1]["tracked_posts"] != 199:
                pass
            still.settimeout(PATIENCE)
            versions = _versions(still, last="2026-11-20T12:03:19Z")
        assert len(versions) < 100, "it was sent nearly all of 70 MB"
        assert versions == sorted(versions)


def _versions(connection: socket.socket, last: str) -> list[str]:
    """The as_of of each version that is read until the last one."""
    versions: list[str] = []
    with connection.makefile("rb") as lines:
        for line in lines:
            if line.startswith(b"data: "):
                versions.append(json.loads(line.removeprefix(b"data: "))["as_of"])
                if versions[-1] == last:
                    return versions
    raise EOFError


@contextmanager
def stalled(served: Served) -> Iterator[socket.socket]:
    """A client that asks for the stream and reads nothing of it."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", served.server.port))
        connection.sendall(b"GET /api/stream?campaign=wide HTTP/1.0\r\nHost: x\r\n\r\n")
        yield connection


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has this option")
def test_a_reader_that_stands_still_too_long_loses_its_place() -> None:
    with serving(Worker(), reader_stalled=0.5) as served, stalled(served):
        served.wait_for_streams(1)
        for version in range(20):
            served.publish(wide_board(version))
        served.wait_for_streams(0)


@pytest.mark.parametrize("close_first", [True, False])
def test_open_streams_do_not_hold_up_stopping(close_first: bool) -> None:
    with serving(Worker(), grace=0.5) as served, following(served) as events, stalled(served):
        served.wait_for_streams(2)
        for version in range(20):
            served.publish(wide_board(version))
        began = time.monotonic()
        served.stop(close_first=close_first)
        assert time.monotonic() - began < 2.5
        assert served.worker.streams() == 0
        with pytest.raises((EOFError, httpx.RemoteProtocolError, httpx.ReadError)):
            events.read_to_end()
        with pytest.raises(httpx.ConnectError):
            httpx.get(served.url)


def test_streams_of_a_closed_publisher_end_at_once() -> None:
    with serving(Worker(), grace=30) as served, following(served) as events:
        served.wait_for_streams(1)
        began = time.monotonic()
        served.stop()
        assert time.monotonic() - began < 2
        with pytest.raises(EOFError):
            events.next()


def test_after_closing_no_stream_is_given_and_answers_are() -> None:
    with serving(Worker()) as served:
        served.publish(leaderboard())
        asyncio.run(served.worker.publisher.close())
        refused = httpx.get(f"{served.url}/api/stream")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
        assert httpx.get(f"{served.url}/api/leaderboards/all/retweets").status_code == 200


def test_a_connection_that_is_kept_answers_at_once() -> None:
    with serving(Worker()) as served, httpx.Client(base_url=served.url) as client:
        served.publish(wide_board(0, places=100))
        began = time.monotonic()
        for _ in range(50):
            client.get("/api/leaderboards/wide/retweets", headers={"Accept-Encoding": "identity"})
        assert time.monotonic() - began < 1.5, "each waited for a delayed acknowledgement"


def test_signals_stay_with_the_process() -> None:
    async def scenario() -> None:
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        server = HttpServer(Worker().app(), host="127.0.0.1", port=0, room=room())
        await server.start()
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        waiting = asyncio.create_task(server.wait())
        await server.stop()
        await asyncio.wait_for(waiting, PATIENCE)
        await server.stop()

    asyncio.run(scenario())


def test_a_port_in_use_is_an_error_for_the_caller() -> None:
    async def scenario(port: int) -> None:
        server = HttpServer(Worker().app(), host="127.0.0.1", port=port, room=room())
        with pytest.raises(ListenError, match=rf"^publish\.http\.port: 127\.0\.0\.1:{port} is in use: "):
            await server.start()
        await server.stop()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        asyncio.run(scenario(taken.getsockname()[1]))


def test_it_listens_on_ipv6_too() -> None:
    async def scenario() -> None:
        server = HttpServer(Worker().app(), host="::1", port=0, room=room())
        await server.start()
        try:
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{server.url}/healthz")).status_code == 200
        finally:
            await server.stop()

    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    asyncio.run(scenario())
