"""A canary in the place of every secret, sent through every failure: it shows up nowhere."""

from __future__ import annotations

import io
import traceback
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from tests.unit.engagement.fakes import bench, errors, gives_up, reply, run_virtual
from worker.engagement import AppOnlyAuth, FixedToken, Reply, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engagement.fakes import Answering
    from worker.engagement import Credentials, Transport

CANARY = "canary-3f9a"
TOKEN_URL = "http://api.example/oauth2/token"

FAILURES: list[Answering] = [
    errors(401, "Your account could not be authenticated."),
    errors(403, "Forbidden"),
    errors(404, "nothing here"),
    reply(429, {}, retry_after="1"),
    reply(500, b"<html>"),
    reply(200, b"not json"),
    errors(400, "Invalid"),
    TransientError("timeout", "late"),
]
CREDENTIALS: list[Callable[[Transport], Credentials]] = [
    lambda _: FixedToken(CANARY),
    lambda api: AppOnlyAuth(TOKEN_URL, f"{CANARY}-key", f"{CANARY}-secret", api),
]


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("failure", FAILURES)
def test_no_log_of_a_failure_has_a_secret(
    failure: Answering, credentials: Callable[[Transport], Credentials]
) -> None:
    async def asked() -> str:
        token = Reply(200, {}, b'{"access_token": "%b"}' % CANARY.encode())
        tested = bench(token, otherwise=failure, credentials=credentials)
        await tested.ask(range(1000, 1003))
        return repr((tested.asker, tested.quota, tested.circuit, tested.circuit.reason))

    with capture_logs() as logs:
        shown = run_virtual(asked())
    assert CANARY not in shown + repr(logs)


def test_no_traceback_has_a_secret() -> None:
    async def failed() -> str:
        tested = bench(errors(403, "no"), credentials=CREDENTIALS[1])
        credentials = AppOnlyAuth(TOKEN_URL, CANARY, CANARY, tested.api)
        error = await gives_up(credentials.token())
        output = io.StringIO()
        log = structlog.wrap_logger(
            structlog.PrintLogger(output),
            processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        )
        log.error("failed", exc_info=error)
        return output.getvalue() + "".join(traceback.format_exception(error)) + repr(error)

    assert CANARY not in run_virtual(failed())
