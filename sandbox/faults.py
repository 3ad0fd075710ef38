"""What can be made to go wrong with the Engagement API's answers, and whose turn it is.

Which request meets which fault is a pure function of the faults' seed and of the request's number since they
were set, so a failure seen once can be seen again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.messages import Answer, errors
from sandbox.mixing import uniform
from sandbox.quota import rate_headers
from sandbox.tokens import UNAUTHENTICATED

if TYPE_CHECKING:
    from typing import Self

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Wait = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]

_HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"

_INSTEAD: Final = {
    "500": errors(500, "internal server error"),
    "503": errors(503, "Service Unavailable"),
    "401": UNAUTHENTICATED,
    "html": Answer(502, _HTML, content_type="text/html"),
}
"""What is sent in the right answer's place. Whoever sends it knows nothing of rates."""

_SENT: Final = {"cut_off": 0.5, "hang_up": 0.0}
"""How much of the right answer is sent before the connection is closed."""


class Shares(BaseModel):
    """The share of requests, 0 to 1, that meets each fault. One meets at most one: the sum is at most 1.

    `429`, `500`, `503`, `401`: that status, as the API words it. `html`: 502 with a proxy's page. `cut_off`:
    half of the answer, then the connection is closed. `hang_up`: closed without a byte. `slow`: the right
    answer, `slow_seconds` late. `plain`: the right answer, never gzip. `bad_json`: 200 with half of the JSON,
    whole by its `Content-Length`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    too_many: Share = Field(0.0, alias="429")
    server_error: Share = Field(0.0, alias="500")
    unavailable: Share = Field(0.0, alias="503")
    unauthenticated: Share = Field(0.0, alias="401")
    html: Share = 0.0
    cut_off: Share = 0.0
    hang_up: Share = 0.0
    slow: Share = 0.0
    plain: Share = 0.0
    bad_json: Share = 0.0

    @model_validator(mode="after")
    def _at_most_one_each(self) -> Self:
        total = sum(self.model_dump().values())
        if total > 1 + 1e-9:
            raise ValueError(f"shares add up to {total:g}; together they can be 1 at most")
        return self


class Faults(BaseModel):
    """The faults in force. `latency_seconds` is for every answer; `slow_seconds` adds to it where drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shares: Shares = Shares()
    latency_seconds: Wait = 0.0
    slow_seconds: Wait = 5.0
    seed: int = 1

    def as_json(self) -> dict[str, object]:
        """What ``POST /sandbox/faults`` would take to set these."""
        return self.model_dump(by_alias=True)


class FaultDraw:
    """Owns the faults in force and the number of the next request."""

    def __init__(self) -> None:
        self._faults = Faults()
        self._number = 0

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._faults

    def set(self, faults: Faults) -> None:
        """Put these in force, and count requests from 0 again."""
        self._faults, self._number = faults, 0

    def next(self) -> str | None:
        """Which fault the next request meets, by its name in ``Shares`` (an alias where there is one)."""
        number, self._number = self._number, self._number + 1
        shares = self._faults.shares.model_dump(by_alias=True)
        if not any(shares.values()):
            return None
        drawn = uniform(self._faults.seed, number)
        for name, share in shares.items():
            if drawn < share:
                return str(name)
            drawn -= share
        return None


def read_faults(body: bytes) -> Faults | Answer:
    """The faults that a request's JSON asks for (none if empty or ``{}``), or a 400 that says why not."""
    try:
        asked = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        return errors(400, f"the body is not JSON: {error}")
    if not isinstance(asked, dict):
        return errors(400, "the body must be a JSON object")
    try:
        return Faults.model_validate(asked)
    except ValidationError as error:
        return errors(400, *(_worded(fault["loc"], fault["msg"]) for fault in error.errors()))


def spoil(answer: Answer, fault: str, *, faults: Faults, limit: int, now: float) -> Answer:
    """What becomes of the right answer when it meets this fault. ``limit``: the quota, told with a 429."""
    if fault in _INSTEAD:
        return _INSTEAD[fault]
    if fault in _SENT:
        return replace(answer, sent=_SENT[fault])
    match fault:
        case "429":
            # As if another client of the same app had used the quota up.
            full = rate_headers(limit, 0, now + 1) if limit else ()
            return errors(429, "Too Many Requests").with_headers(("Retry-After", "1"), *full)
        case "slow":
            return replace(answer, delay=faults.slow_seconds)
        case "bad_json":
            whole = orjson.dumps(answer.content)
            return replace(answer, content=whole[: len(whole) // 2])
        case _:
            return replace(answer, plain=True)


def _worded(where: tuple[int | str, ...], what: str) -> str:
    place, what = (
        ".".join(map(str, where)),
        what.removeprefix("Value error, ").partition(" or instance of ")[0],
    )
    return f"{place}: {what}" if place else what
