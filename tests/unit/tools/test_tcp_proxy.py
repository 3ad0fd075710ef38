"""The links of the tests cut, hang and slow what they say, and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.tools.live_worker import await_that
from tests.tools.tcp_proxy import TcpLink, TcpLinks, tcp_links

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT: Final = 0.2
"""Seconds in which an answer that is to come would long be there."""


@pytest.fixture
def links() -> Iterator[TcpLinks]:
    with tcp_links() as running:
        yield running


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets, and ends a connection when its client does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        ends = threading.Event()

        def answer(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(65_536):
                        connection.sendall(data)
                except OSError:
                    pass

        def accept() -> None:
            while not ends.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                connection.settimeout(5)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()
        ends.set()
        thread.join(5)


@contextmanager
def connected(link: TcpLink) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", link.port), 5)) as client:
        yield client


def say(client: socket.socket, text: bytes) -> bytes:
    """What comes back of it."""
    client.sendall(text)
    found = b""
    while len(found) < len(text):
        got = client.recv(65_536)
        if not got:
            break
        found += got
    return found


def test_a_whole_link_passes_everything_both_ways(links: TcpLinks, echo: tuple[str, int]) -> None:
    link = links.open(echo)
    text = bytes(range(256)) * 4096
    with connected(link) as client, connected(link) as other:
        sent = threading.Thread(target=client.sendall, args=(text,))
        sent.start()
        found = b""
        while len(found) < len(text):
            found += client.recv(65_536)
        sent.join()
        assert found == text
        assert say(other, b"two") == b"two"
        assert link.connections == 2


def test_the_end_of_one_side_reaches_the_other(links: TcpLinks, echo: tuple[str, int]) -> None:
    link = links.open(echo)
    with connected(link) as client:
        assert say(client, b"one") == b"one"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""
    await_that(lambda: link.connections == 0, "the connection is forgotten")


def test_a_cut_resets_what_is_open_and_what_comes(links: TcpLinks, echo: tuple[str, int]) -> None:
    link = links.open(echo)
    with connected(link) as client:
        assert say(client, b"one") == b"one"
        link.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    with pytest.raises(ConnectionResetError), connected(link) as client:
        client.recv(10)
    link.restore()
    with connected(link) as client:
        assert say(client, b"two") == b"two"


def test_a_hang_swallows_until_it_is_over_and_loses_nothing(links: TcpLinks, echo: tuple[str, int]) -> None:
    link = links.open(echo)
    with connected(link) as client:
        assert say(client, b"one") == b"one"
        link.hang()
        client.sendall(b"two")
        with connected(link) as late:
            late.sendall(b"three")
            for one in (client, late):
                one.settimeout(SHORT)
                with pytest.raises(TimeoutError):
                    one.recv(10)
                one.settimeout(5)
            link.restore()
            assert client.recv(10) == b"two"
            assert late.recv(10) == b"three"


def test_a_hang_can_end_in_a_cut(links: TcpLinks, echo: tuple[str, int]) -> None:
    link = links.open(echo)
    with connected(link) as client:
        assert say(client, b"one") == b"one"
        link.hang()
        client.sendall(b"two")
        link.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(10)


def test_a_slow_link_takes_its_time_each_way(links: TcpLinks, echo: tuple[str, int]) -> None:
    link = links.open(echo)
    with connected(link) as client:
        assert say(client, b"one") == b"one"
        link.slow(0.1)
        began = time.monotonic()
        assert say(client, b"two") == b"two"
        assert time.monotonic() - began >= 0.2
        link.restore()
        assert say(client, b"three") == b"three"


def test_other_links_of_the_same_target_stay_whole(links: TcpLinks, echo: tuple[str, int]) -> None:
    link, other = links.open(echo), links.open(echo)
    with connected(other) as client:
        link.cut()
        assert say(client, b"one") == b"one"


def test_without_a_target_connections_are_reset_until_it_is_set(
    links: TcpLinks, echo: tuple[str, int]
) -> None:
    link = links.open()
    with pytest.raises(ConnectionResetError), connected(link) as client:
        client.recv(10)
    link.target = echo
    with connected(link) as client:
        assert say(client, b"one") == b"one"


def test_a_target_that_is_gone_ends_the_connection(links: TcpLinks, echo: tuple[str, int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        gone = nobody.getsockname()
    link = links.open(gone)
    with pytest.raises(ConnectionResetError), connected(link) as client:
        client.recv(10)
    link.target = echo
    with connected(link) as client:
        assert say(client, b"one") == b"one"


def test_when_it_ends_the_ports_are_free_and_the_connections_gone(echo: tuple[str, int]) -> None:
    with tcp_links() as links:
        link = links.open(echo)
        with closing(socket.create_connection(("127.0.0.1", link.port), 5)) as client:
            assert say(client, b"one") == b"one"
            links.close()
            with pytest.raises(ConnectionResetError):
                client.recv(10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", link.port), 5)
