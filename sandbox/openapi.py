"""``GET /sandbox/openapi.json``: the emulated endpoints as OpenAPI 3.1, from the facts they run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.catalogue import BESIDE, ENDPOINTS, FOUR_LEVELS, MAX_GROUPINGS

if TYPE_CHECKING:
    from sandbox.catalogue import Endpoint

_LARGEST: Final = str(2**63 - 1)
_MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z)?$"
_SAID: Final = {
    400: "The request cannot be; or all Posts are unavailable, which are then listed.",
    401: "The credentials are missing or do not hold.",
    403: "These metrics, or one of these Posts, are not for this caller.",
    413: "The body is too long.",
    429: "The quota is used up.",
    500: "A fault of the server.",
    502: "A fault of a proxy.",
    503: "The service is not there.",
}


def described() -> dict[str, Any]:
    """The whole description, as JSON."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sandbox of the Engagement API", "version": "1"},
        "paths": {
            **{endpoint.path: {"post": _operation(endpoint)} for endpoint in ENDPOINTS},
            "/oauth2/token": {"post": _TOKEN},
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
                "oauth1": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "OAuth 1.0a, HMAC-SHA1",
                },
            },
            "schemas": _SCHEMAS,
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "operationId": endpoint.name,
        "security": [{"oauth1": []}] if endpoint.series else [{"bearer": []}, {"oauth1": []}],
        "requestBody": {"required": True, "content": _json(_body(endpoint))},
        "responses": {
            "200": {"description": "Counts.", "content": _json(_counts(endpoint))},
            **{
                str(status): {"description": text, "content": _json(_ref("Errors"))}
                for status, text in _SAID.items()
            },
        },
    }


def _body(endpoint: Endpoint) -> dict[str, Any]:
    window = {"type": ["string", "null"], "pattern": _MOMENT}
    return {
        "type": "object",
        "required": ["tweet_ids", "engagement_types", "groupings"],
        "properties": {
            "tweet_ids": {
                "type": "array",
                "minItems": 1,
                "maxItems": endpoint.max_ids,
                "items": _ref("PostId"),
            },
            "engagement_types": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "enum": list(endpoint.metrics)},
            },
            "groupings": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": MAX_GROUPINGS,
                "propertyNames": {"not": {"enum": sorted(BESIDE)}},
                "additionalProperties": _grouping(endpoint),
            },
            **({"start": window, "end": window} if endpoint.name == "historical" else {}),
        },
    }


def _grouping(endpoint: Endpoint) -> dict[str, Any]:
    values = {"type": "string", "enum": list(endpoint.group_bys)}
    up_to_three = {
        "type": "array",
        "minItems": 1,
        "maxItems": min(3, len(endpoint.group_bys)),
        "uniqueItems": True,
        "items": values,
    }
    four = {"enum": [list(order) for order in FOUR_LEVELS]}
    return {
        "type": "object",
        "required": ["group_by"],
        "additionalProperties": False,
        "properties": {"group_by": {"anyOf": [up_to_three, four]} if endpoint.series else up_to_three},
    }


def _counts(endpoint: Endpoint) -> dict[str, Any]:
    moment = {"type": "string", "format": "date-time"}
    ids = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[0-9]+$"}}
    return {
        "type": "object",
        "required": ["start", "end"] if endpoint.series else [],
        "properties": {
            "errors": _ref("Texts"),
            **{name: ids for name in sorted(BESIDE) if name.endswith("_tweet_ids")},
            **({"start": moment, "end": moment} if endpoint.series else {}),
        },
        "additionalProperties": {"type": "object", "additionalProperties": _ref("Nested")},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _up_to_largest() -> str:
    """A pattern of the numbers from 1 to the largest ID, without leading zeros."""
    smaller = [
        f"{_LARGEST[:place]}[{int(place == 0)}-{int(digit) - 1}][0-9]{{{len(_LARGEST) - place - 1}}}"
        for place, digit in enumerate(_LARGEST)
        if int(digit) > (place == 0)
    ]
    return "|".join((f"[1-9][0-9]{{0,{len(_LARGEST) - 2}}}", *smaller, _LARGEST))


_SCHEMAS: Final[dict[str, Any]] = {
    "PostId": {
        "anyOf": [
            {"type": "string", "pattern": rf"^0{{0,13}}({_up_to_largest()})[\r\n]*$"},
            {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        ]
    },
    "Nested": {
        "anyOf": [
            {"type": "string", "pattern": "^-?[0-9]+$"},
            {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Nested"}},
        ]
    },
    "Texts": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    "Errors": {
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {"type": "array", "minItems": 1},
            "unavailable_tweet_ids": {"type": "array", "items": {"type": "string"}},
        },
    },
}

_TOKEN: Final[dict[str, Any]] = {
    "operationId": "token",
    "security": [{"basic": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {"grant_type": {"const": "client_credentials"}},
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The token that holds.",
            "content": _json(
                {
                    "type": "object",
                    "required": ["token_type", "access_token"],
                    "properties": {"token_type": {"const": "bearer"}, "access_token": {"type": "string"}},
                }
            ),
        },
        **{
            str(status): {"description": text, "content": _json(_ref("Errors"))}
            for status, text in ((400, "Another grant."), (403, "Wrong credentials."))
        },
    },
}
