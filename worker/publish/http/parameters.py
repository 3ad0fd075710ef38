"""Reading what a client gave in the path and the query, or saying what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.model import MAX_POST_ID, Campaign, MetricName, PostId
from worker.publish.http.errors import bad_parameter
from worker.publish.http.live import Filter

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_LIMIT: Final = 1000
"""Entries that one can ask for: as many as the largest leaderboard that the settings allow."""

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def read_limit(request: Request) -> int | None:
    """``limit`` of the query; ``None`` when not given."""
    value = _once(request, "limit")
    if value is None:
        return None
    if not _NUMBER.fullmatch(value) or int(value) > MAX_LIMIT:
        raise bad_parameter("limit", value, f"give a whole number from 1 to {MAX_LIMIT}")
    return int(value)


def read_post_id(request: Request) -> PostId:
    """``id`` of the path."""
    value = str(request.path_params["id"])
    if not _NUMBER.fullmatch(value) or int(value) > MAX_POST_ID:
        raise bad_parameter("id", value, f"give a Post ID, a whole number from 1 to {MAX_POST_ID}")
    return PostId(int(value))


def read_filter(request: Request) -> Filter:
    """``campaign`` and ``metric`` of the query, each optional."""
    campaign, metric = _name(request, "campaign"), _name(request, "metric")
    return Filter(
        None if campaign is None else Campaign(campaign),
        None if metric is None else MetricName(metric),
    )


def _name(request: Request, parameter: str) -> str | None:
    value = _once(request, parameter)
    if value == "":
        raise bad_parameter(parameter, value, "give a name, or leave the parameter out for all")
    return value


def _once(request: Request, parameter: str) -> str | None:
    values = request.query_params.getlist(parameter)
    if len(values) > 1:
        raise bad_parameter(parameter, ", ".join(values), "give it once")
    return values[0] if values else None
