"""What can be made to go wrong with the Engagement API's answers, and whose turn it is.

Which request meets which fault is a pure function of the faults' seed and of the request's number since they
were set, so a failure seen once can be seen again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.messages import Answer, errors
from sandbox.mixing import uniform
from sandbox.shapes import Shapes

if TYPE_CHECKING:
    from typing import Self

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Wait = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Shares(BaseModel):
    """The share of requests, 0 to 1, that meets each fault. One meets at most one: the sum is at most 1.

    What each does stands in `sandbox.spoiling`.
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
    too_many_html: Share = Field(0.0, alias="429_html")
    too_many_objects: Share = Field(0.0, alias="429_objects")
    too_many_plain: Share = Field(0.0, alias="429_plain")
    bad_gateway: Share = Field(0.0, alias="502")
    unavailable_html: Share = Field(0.0, alias="503_html")
    not_json: Share = 0.0
    errors_string: Share = 0.0
    forbidden: Share = 0.0
    forbidden_authors: Share = 0.0
    forbidden_200: Share = 0.0
    lists_only: Share = 0.0
    metric_missing: Share = 0.0
    negative: Share = 0.0
    numbers: Share = 0.0

    @model_validator(mode="after")
    def _at_most_one_each(self) -> Self:
        total = sum(self.model_dump().values())
        if total > 1 + 1e-9:
            raise ValueError(f"shares add up to {total:g}; together they can be 1 at most")
        return self


class Met(NamedTuple):
    """What of a request decides which faults it can meet. ``caller``: an account's ID, or ``bearer``."""

    endpoint: str = ""
    caller: str = ""
    post_ids: tuple[int, ...] = ()


def _known(fault: str) -> str:
    names = [field.alias or name for name, field in Shares.model_fields.items()]
    if fault not in names:
        raise ValueError(f"there are {', '.join(names)}")
    return fault


class Rule(BaseModel):
    """A fault for certain requests: those that fit all that is given, or the `share` of them.

    `nth`: numbers of requests, the first is 1. `ids`: requests that ask for any of these. `account`: an
    account's ID, or `bearer`. `endpoint`: `totals`, `28hr` or `historical`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fault: Annotated[str, AfterValidator(_known)]
    share: Share = 1.0
    nth: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=1000)] | None = None
    ids: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]], Field(max_length=1000)] | None = (
        None
    )
    account: Annotated[str, Field(pattern=r"^([0-9]{1,19}|bearer)$")] | None = None
    endpoint: Literal["totals", "28hr", "historical"] | None = None

    def fits(self, met: Met, number: int) -> bool:
        """Whether the request of this number, counted from 0, is one of them, whatever the share."""
        return (
            (self.nth is None or number + 1 in self.nth)
            and (self.ids is None or not set(map(int, self.ids)).isdisjoint(met.post_ids))
            and (self.account is None or self.account == met.caller)
            and (self.endpoint is None or self.endpoint == met.endpoint)
        )


class Faults(BaseModel):
    """The faults in force. `latency_seconds` is for every answer; `slow_seconds` adds to it where drawn.

    The first of the `rules` that a request meets is its fault; if it meets none, the `shares` are drawn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    shares: Shares = Shares()
    rules: Annotated[list[Rule], Field(max_length=100)] = []
    shapes: Shapes = Shapes()
    latency_seconds: Wait = 0.0
    slow_seconds: Wait = 5.0
    seed: int = 1

    def as_json(self) -> dict[str, object]:
        """What ``POST /sandbox/faults`` would take to set these."""
        return self.model_dump(by_alias=True)


class FaultDraw:
    """Owns the faults in force and the number of the next request."""

    def __init__(self) -> None:
        self.set(Faults())

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._faults

    def set(self, faults: Faults) -> None:
        """Put these in force, and count requests from 0 again."""
        self._faults, self._number = faults, 0
        shares: dict[str, float] = faults.shares.model_dump(by_alias=True)
        self._shares = {name: share for name, share in shares.items() if share}

    def next(self, met: Met = Met()) -> str | None:  # noqa: B008 - it cannot change
        """Which fault the next request meets, by its name in ``Shares`` (an alias where there is one)."""
        number, self._number = self._number, self._number + 1
        for place, rule in enumerate(self._faults.rules):
            if rule.fits(met, number) and uniform(self._faults.seed + place + 1, number) < rule.share:
                return rule.fault
        if not self._shares:
            return None
        drawn = uniform(self._faults.seed, number)
        for name, share in self._shares.items():
            if drawn < share:
                return name
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


def _worded(where: tuple[int | str, ...], what: str) -> str:
    place, what = (
        ".".join(map(str, where)),
        what.removeprefix("Value error, ").partition(" or instance of ")[0],
    )
    return f"{place}: {what}" if place else what
