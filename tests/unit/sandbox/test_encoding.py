"""Answers as bytes."""

from __future__ import annotations

import zlib

import orjson
import pytest

from sandbox.encoding import encode, takes_gzip
from sandbox.messages import Answer, errors
from tests.unit.sandbox.asking import NOON


def parts(sent: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = sent.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


def test_an_error_is_gzip_too_where_the_client_takes_it() -> None:
    sent = encode(errors(404, "no"), now=NOON, accepts_gzip=True, close=False)
    status, headers, body = parts(sent)
    assert status == "HTTP/1.1 404 Not Found"
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Length"] == str(len(body))
    assert orjson.loads(zlib.decompress(body, 31)) == {"errors": ["no"]}


def test_the_date_is_the_answers_own_time() -> None:
    headers = parts(encode(Answer(200, {}, at=NOON), now=NOON + 99, accepts_gzip=False, close=True))[1]
    assert headers["Date"] == "Thu, 09 Oct 2025 12:00:00 GMT"
    assert headers["Connection"] == "close"
    assert "Content-Encoding" not in headers


def test_a_plain_answer_is_never_gzip() -> None:
    body = parts(encode(Answer(200, {"a": 1}, plain=True), now=NOON, accepts_gzip=True, close=False))[2]
    assert body == b'{"a":1}'


def test_bytes_are_sent_as_they_are_under_their_own_type() -> None:
    answer = Answer(502, b"<html>", content_type="text/html", headers=(("x-a", "1"),))
    _, headers, body = parts(encode(answer, now=NOON, accepts_gzip=False, close=False))
    assert (headers["Content-Type"], headers["x-a"], body) == ("text/html", "1", b"<html>")


def test_the_answer_to_head_has_no_body() -> None:
    _, headers, body = parts(
        encode(errors(405, "no"), now=NOON, accepts_gzip=False, close=False, head_only=True)
    )
    assert (headers["Content-Length"], body) == ("17", b"")


@pytest.mark.parametrize(
    ("accept_encoding", "taken"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.00", False),
        ("deflate, br", False),
    ],
)
def test_gzip_is_for_those_who_take_it(accept_encoding: str, taken: bool) -> None:
    assert takes_gzip(accept_encoding) is taken
