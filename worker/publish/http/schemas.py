"""The shapes of the answers, as JSON Schema for the OpenAPI document. A test holds real answers to them."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from worker.model import PUBLIC_METRICS

Schema: TypeAlias = dict[str, Any]


def ref(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_STRING: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TIME: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "description": "ISO 8601 in UTC; with milliseconds where the time is not at a whole second",
    "examples": ["2026-11-20T12:00:00Z"],
}
_TIME_OR_NULL: Final[Schema] = {**_TIME, "type": ["string", "null"]}
_NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
_POST_ID: Final[Schema] = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}$",
    "description": "a Post ID: a 64-bit number, as a string because JavaScript's numbers cannot hold it",
}
_CAMPAIGN: Final[Schema] = {
    "type": "string",
    "description": "campaign; `all` has every Post",
    "examples": ["all"],
}
_METRIC: Final[Schema] = {
    "type": "string",
    "description": "a metric of the Engagement API, or one derived from it",
    "examples": [*PUBLIC_METRICS, "retweets_per_hour"],
}
_AUTHOR: Final[Schema] = {
    "type": ["string", "null"],
    "description": "the author's handle, without at sign; null: unknown. Others wrote it: do not trust it",
}
_TEXT: Final[Schema] = {
    "type": ["string", "null"],
    "description": "the Post's text; null when unknown. Others wrote it: do not trust it",
}
_URL: Final[Schema] = {"type": "string", "format": "uri", "description": "a link to the Post"}

_ENTRY: Final = _object(
    "One place of a leaderboard",
    {
        "rank": {"type": "integer", "minimum": 1},
        "post_id": _POST_ID,
        "value": {
            "type": "number",
            "description": "a count, as an integer; a `_per_hour` value, to three digits; or a rate, to six",
        },
        "measured_at": {**_TIME, "description": "when the API said so"},
        "change": {
            "type": ["integer", "null"],
            "description": "places gained (+) or lost (-) since `publish.change_window` (an hour) ago; null "
            "when the Post was not here then, or this leaderboard is younger, so that nobody knows",
        },
        "author": _AUTHOR,
        "text": _TEXT,
        "url": _URL,
    },
)

_AUDIT: Final = {
    "oneOf": [
        _object(
            "How right boards of counts are, by the audit: the share of their places that right Posts have",
            {
                "recall": {"type": "number", "minimum": 0, "maximum": 1},
                "low": {"type": "number", "description": "19 times of 20 it is now between this and high"},
                "high": {"type": "number", "description": "19 times of 20 it is now between low and this"},
            },
        ),
        {"type": "null", "description": "not enough data"},
    ]
}

_LEADERBOARD: Final = _object(
    "The top of one campaign and one metric: values descending, among equals the older Post first",
    {
        "campaign": _CAMPAIGN,
        "metric": _METRIC,
        "as_of": {**_TIME, "description": "when the leaderboard was made"},
        "tracked_posts": {**_COUNT, "description": "Posts tracked of the campaign"},
        "audit": {**ref("Audit"), "description": "of all full boards of the campaign"},
        "entries": _array(ref("Entry")),
    },
)

_SUMMARY: Final = _object(
    "What a leaderboard is, without its entries",
    {
        "campaign": _CAMPAIGN,
        "metric": _METRIC,
        "as_of": _TIME,
        "tracked_posts": _COUNT,
        "audit": {**ref("Audit"), "description": "of all full boards of the campaign"},
        "entries": {**_COUNT, "description": "how many entries it has"},
        "url": {"type": "string", "format": "uri-reference", "description": "where the leaderboard is"},
    },
)

_LEADERBOARDS: Final = _object(
    "What there is",
    {
        "campaigns": _array(_CAMPAIGN),
        "metrics": _array(_METRIC),
        "audit": {**ref("Audit"), "description": "of all full boards together"},
        "leaderboards": _array(ref("LeaderboardSummary")),
    },
)

_PLANNING: Final = _object(
    "Why a Post was asked for, and what it competes with; null while its partition is restored",
    {
        "reason": {
            "type": "string",
            "enum": ["not_asked", "worth", "waited", "drawn", "due", "free_seat"],
            "description": "why it had a seat in its last request: its worth to boards; not asked for the "
            "longest; drawn at random for the audit; due while there was room for all; not due, but a seat "
            "was free",
        },
        "asked_at": {**_TIME_OR_NULL, "description": "when it was asked for last, by this worker"},
        "asked_worth": {**_NUMBER_OR_NULL, "description": "what asking was worth then"},
        "worth": {"type": "number", "description": "what asking is worth now, in places times seconds"},
        "last_seat": {"type": "number", "description": "what the last seat of a full request was worth"},
        "half_growth_s": {"type": "number", "description": "age at half of a Post's growth, as learned"},
        "boards": _array(
            _object(
                "A board that it competes on",
                {
                    "campaign": _CAMPAIGN,
                    "metric": _METRIC,
                    "value": {**_NUMBER_OR_NULL, "description": "as measured last"},
                    "expected": {**_NUMBER_OR_NULL, "description": "what it has probably come to"},
                    "low": {**_NUMBER_OR_NULL, "description": "nine times of ten it is above this"},
                    "high": {**_NUMBER_OR_NULL, "description": "and below this"},
                    "bar": {
                        **_NUMBER_OR_NULL,
                        "description": "what it must have; null: free places",
                    },
                    "shown_bar": {**_NUMBER_OR_NULL, "description": "the last value shown"},
                    "chance": {"type": "number", "description": "that it belongs on the board by now"},
                },
            )
        ),
    },
)

_POST: Final = _object(
    "What the worker knows of a Post",
    {
        "post_id": _POST_ID,
        "state": {
            "type": "string",
            "enum": ["new", "measured", "unavailable"],
            "description": "new: not measured yet; unavailable: deleted, protected or suspended",
        },
        "campaigns": _array(_CAMPAIGN),
        "created_at": {**_TIME_OR_NULL, "description": "from the ID; null where it holds no time"},
        "seen_at": {**_TIME, "description": "when it was first seen in the input"},
        "measured_at": {**_TIME_OR_NULL, "description": "when its counts were measured; null while new"},
        "due_at": {**_TIME_OR_NULL, "description": "when it is due to be measured again; null when unknown"},
        "counts": {
            "type": "object",
            "description": "by metric; null where the API gave no count, which is not 0",
            "additionalProperties": {"type": ["integer", "null"]},
        },
        "rates": {
            "type": "object",
            "description": "engagements an impression; null where impressions are too few, or not known",
            "additionalProperties": {"type": ["number", "null"]},
        },
        "per_hour": {
            "type": "object",
            "description": "growth per hour by metric; null where not known",
            "additionalProperties": {"type": ["number", "null"]},
        },
        "planning": {"oneOf": [_PLANNING, {"type": "null"}]},
        "author": _AUTHOR,
        "text": _TEXT,
        "url": _URL,
    },
)

_HEALTH: Final = _object(
    "Whether all is well",
    {
        "ok": {"type": "boolean"},
        "checks": {
            "type": "object",
            "description": "a sentence on each thing looked at",
            "additionalProperties": _STRING,
        },
    },
)

_HANDLES: Final = _object(
    "Accounts whose Posts were asked for with their own tokens in a calendar month (UTC), by all workers",
    {
        "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
        "used": _COUNT,
        "limit": {
            "type": ["integer", "null"],
            "description": "the contract's number, `engagement.handles_per_month`; null where it is not set",
        },
        "warning": {"type": "boolean", "description": "whether `engagement.handles_warning` is reached"},
        "handles": _array(_STRING),
    },
)

_ESTIMATE: Final = _object(
    "What simulated worlds came to",
    {
        "mean": {"type": "number", "description": "over the worlds"},
        "within": {
            **_NUMBER_OR_NULL,
            "description": "half of the 95 % interval; null with one world, which says nothing of it",
        },
    },
)

_OUTLOOK_WORLD: Final = _object(
    "What was simulated: a world like the worker's own, as it is at the moment",
    {
        "posts": {**_COUNT, "description": "Posts in the tracking window, of all workers together"},
        "posts_per_hour": {"type": "number", "description": "created lately"},
        "campaigns": {**_COUNT, "description": "those with leaderboards in it: the largest 50 at most"},
        "metrics": {**_array(_METRIC), "description": "counts: of two metrics at most, and no others"},
        "top": {**_COUNT, "description": "places of a leaderboard"},
        "half_growth_s": {"type": "number", "description": "age at half of a Post's growth, as learned"},
        "size_tail": {
            "type": "number",
            "description": "tail index of what counts come to: the lower, the larger are the largest",
        },
        "scale": {
            "type": "number",
            "description": "Posts and requests are so many times the true ones; 1: as many",
        },
    },
)

_OUTLOOK_BUDGET: Final = _object(
    "What a budget would give",
    {
        "budget": {"type": "number", "description": "times the contract: 0.25, 0.5, 1, 2 or 4"},
        "requests_per_minute": {
            "type": "number",
            "description": "so many times `engagement.requests_per_minute`",
        },
        "worlds": {**_COUNT, "description": "worlds that were simulated"},
        "recall": {**_ESTIMATE, "description": "right Posts among those shown; 1: all"},
        "exact_boards": {**_ESTIMATE, "description": "share of leaderboards without a wrong Post"},
        "shown_error": {
            **_ESTIMATE,
            "description": "median error of shown counts, as a share of the true ones",
        },
    },
)

_OUTLOOK: Final = _object(
    "What twice and half of the contract would give, simulated by the worker that publishes",
    {
        "result": {
            "oneOf": [
                _object(
                    "The newest",
                    {
                        "made_at": {**_TIME, "description": "when the simulation was done"},
                        "took_s": {"type": "number", "description": "seconds that it took"},
                        "world": _OUTLOOK_WORLD,
                        "budgets": {**_array(_OUTLOOK_BUDGET), "description": "ascending"},
                        "left_out": {
                            **_array({"type": "number"}),
                            "description": "budgets that `planner.outlook_timeout` left no time for",
                        },
                    },
                ),
                {"type": "null"},
            ]
        },
        "reason": {"type": ["string", "null"], "description": "why there is none; null where there is one"},
    },
)

_WITHDRAWN: Final = _object(
    "Data of the event `withdrawn`: this leaderboard is no more", {"campaign": _CAMPAIGN, "metric": _METRIC}
)

_NEAR: Final = _object(
    "A leaderboard that there is",
    {"campaign": _CAMPAIGN, "metric": _METRIC, "url": {"type": "string", "format": "uri-reference"}},
)

_ERROR: Final = _object(
    "What went wrong",
    {
        "error": _object(
            "The error",
            {
                "code": {
                    "type": "string",
                    "description": "stable, for programs",
                    "enum": [
                        "another_worker",
                        "bad_parameter",
                        "internal_error",
                        "method_not_allowed",
                        "no_such_leaderboard",
                        "no_such_metric",
                        "no_such_route",
                        "not_tracked",
                        "stopping",
                        "too_many_streams",
                        "too_many_connections",
                    ],
                },
                "message": {"type": "string", "description": "for people"},
                "parameter": {"type": "string", "description": "which parameter (bad_parameter)"},
                "value": {"type": "string", "description": "what it was (bad_parameter)"},
                "mend": {"type": "string", "description": "what would be right (bad_parameter)"},
                "partition": {
                    **_COUNT,
                    "description": "the partition of the sightings that the Post is in (another_worker)",
                },
                "near": {
                    **_array(ref("LeaderboardLink")),
                    "description": "leaderboards that may have been meant (no_such_leaderboard)",
                },
            },
            optional=("parameter", "value", "mend", "partition", "near"),
        )
    },
)

SCHEMAS: Final[Schema] = {
    "Entry": _ENTRY,
    "Audit": _AUDIT,
    "Leaderboard": _LEADERBOARD,
    "LeaderboardSummary": _SUMMARY,
    "Leaderboards": _LEADERBOARDS,
    "Post": _POST,
    "Handles": _HANDLES,
    "Outlook": _OUTLOOK,
    "Health": _HEALTH,
    "Withdrawn": _WITHDRAWN,
    "LeaderboardLink": _NEAR,
    "Error": _ERROR,
}
