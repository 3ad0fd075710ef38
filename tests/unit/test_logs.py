"""What logs look like, and what must never be in them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import orjson
import pytest
import structlog
from kafka.errors import Cancelled, KafkaTimeoutError

from worker.logs import KafkaErrors, set_up_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary-3f9a"


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.basicConfig(handlers=before, force=True)


def _fail_with_a_secret_at_hand() -> None:
    token = CANARY + "!"
    raise ValueError(len(token))


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variables(
    form: Literal["json", "console"], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(form, "info")
    try:
        _fail_with_a_secret_at_hand()
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    shown = capsys.readouterr().err
    assert "ValueError: 12" in shown
    assert CANARY + "!" not in shown


def test_a_console_that_is_no_terminal_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("console", "info")
    structlog.get_logger().info("started", page="http://127.0.0.1:1")
    shown = capsys.readouterr().err
    assert "page=http://127.0.0.1:1" in shown
    assert "\x1b" not in shown


def test_machines_get_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "info")
    structlog.get_logger().info("started", page="http://127.0.0.1:1")
    event = orjson.loads(capsys.readouterr().err)
    assert (event["event"], event["level"], event["page"]) == ("started", "info", "http://127.0.0.1:1")


def test_events_below_the_level_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "warning")
    structlog.get_logger().info("started")
    assert capsys.readouterr().err == ""


def test_of_a_client_that_we_closed_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "warning")
    client = logging.getLogger("kafka.cluster")
    client.error("Metadata refresh: failed %s", Cancelled())
    assert capsys.readouterr().err == ""
    client.error("Metadata refresh: failed %s", KafkaTimeoutError())
    assert "KafkaTimeoutError" in capsys.readouterr().err


def test_whether_kafka_told_of_an_error_is_known_once_each_and_only_within_the_block(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("json", "warning")
    client = logging.getLogger("kafka.net.manager")
    with KafkaErrors() as errors:
        client.warning("Bootstrap failed")
        assert not errors.take()
        # The log keeps the second of a row to itself.
        client.error("Connection failed: %s", "one")
        client.error("Connection failed: %s", "two")
        assert errors.take()
        assert not errors.take()
        client.error("Connection failed: %s", "three")
        assert errors.take()
    client.error("Connection failed: %s", "four")
    assert not errors.take()
    assert capsys.readouterr().err.count("Connection failed") == 1
