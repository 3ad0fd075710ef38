"""The sandbox held against its own description, by requests that are made from it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from oauthlib.oauth1 import Client
from schemathesis.checks import CHECKS, load_all_checks

from sandbox.openapi import described
from tests.unit.sandbox.signing import ALICE, DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

load_all_checks()


def without_security() -> dict[str, Any]:
    """The description without credentials: the signer has right ones for all, and other tests wrong ones."""
    description = described()
    for path in description["paths"].values():
        path["post"] = {name: part for name, part in path["post"].items() if name != "security"}
    return description


SCHEMA = schemathesis.openapi.from_dict(without_security())


class Signer(requests.auth.AuthBase):
    """Signs as an account, or carries the bearer token, or key and secret: as the path needs."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        assert request.url is not None
        assert request.method is not None
        if request.url.endswith("/oauth2/token"):
            return requests.auth.HTTPBasicAuth(DEFAULTS.consumer_key, DEFAULTS.consumer_secret)(request)
        client = Client(DEFAULTS.consumer_key, DEFAULTS.consumer_secret, ALICE.token, ALICE.secret)
        _, headers, _ = client.sign(request.url, request.method)
        request.headers["Authorization"] = headers["Authorization"]
        return request


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A sandbox whose account owns nearly all Posts, so that requests are not all refused."""
    command = [sys.executable, "-m", "sandbox", "--requests-per-minute=0", "--accounts=1", "--owned=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield json.loads(running.stdout.readline())["url"]
        running.terminate()


# What a schema cannot say: floats that are whole numbers (integers, for JSON Schema), windows and Posts that
# cannot be told of, and that one grouping of four levels is the most.
REFUSED_ALL_THE_SAME = re.compile(
    r"Invalid Tweet ID: -?[0-9.e+]+\.|[0-9]+ Tweet ID\(s\) are unavailable|(start|end) "
    r"|The time between start|A request can have one grouping with four"
)


@SCHEMA.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_sent_by_the_description_is_answered_by_it(case: schemathesis.Case[Any], url: str) -> None:
    answer = case.call(base_url=url, auth=Signer())
    acceptance: list[Any] = CHECKS.get_by_names(["positive_data_acceptance"])
    excused = answer.status_code == 400 and REFUSED_ALL_THE_SAME.match(str(answer.json()["errors"][0]))
    case.validate_response(answer, excluded_checks=acceptance if excused else [])
