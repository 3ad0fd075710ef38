"""Logs are events; libraries do not flood them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, SaslAuthenticationFailedError

from worker.logs import LastKafkaError, set_up_logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("kafka", "httpx", "uvicorn")}
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_events_are_json_lines_with_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "info")
    structlog.get_logger("worker").info("started", page="http://127.0.0.1:1")
    structlog.get_logger("worker").debug("never")
    (line,) = _lines(capsys)
    assert (line["event"], line["page"], line["level"]) == ("started", "http://127.0.0.1:1", "info")


def test_a_failure_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "info")
    structlog.get_logger("worker").error("failed", exc_info=ZeroDivisionError("so"))
    assert "ZeroDivisionError: so" in str(_lines(capsys)[0]["exception"])


def test_kafka_python_does_not_flood_the_log_in_an_outage(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "info")
    for number in range(1000):
        logging.getLogger("kafka.net.manager").error("Connection %s failed", number)
        logging.getLogger("kafka.net.manager").warning("backing off")
        logging.getLogger("kafka.cluster").error(f"Metadata refresh failed {number}")  # noqa: G004 -- as it does
    logging.getLogger("uvicorn.error").error("heard")
    logging.getLogger("uvicorn.error").error("heard")
    assert [line["event"] for line in _lines(capsys)] == [
        "Connection 0 failed",
        "Metadata refresh failed 0",
        "heard",
        "heard",
    ]


def test_a_refused_login_is_remembered_over_the_trouble_that_follows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("json", "info")
    log = logging.getLogger("kafka.net.connection")
    with LastKafkaError() as last:
        log.error("%s: Connection lost: %s", "conn", KafkaConnectionError("disconnected"))
        log.error("Bootstrap failed: %s", KafkaTimeoutError("Unable to bootstrap"))
        assert isinstance(last.error, KafkaConnectionError)
        log.error("%s: Connection lost: %s", "conn", SaslAuthenticationFailedError("Invalid password"))
        log.error("%s: Connection lost: %s", "conn", KafkaConnectionError("disconnected"))
        log.error("no arguments")
    assert isinstance(last.error, SaslAuthenticationFailedError)
    assert capsys.readouterr().err == ""
    log.error("%s", ZeroDivisionError())
    assert capsys.readouterr().err
    assert isinstance(last.error, SaslAuthenticationFailedError)
