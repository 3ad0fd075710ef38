"""JSON Schema of the settings file, for editors and for checks before a file is put to use."""

from __future__ import annotations

from typing import Any, Final

from worker.settings.sections import Settings
from worker.settings.types import is_duration, write_duration
from worker.settings.walk import fields, is_secret

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """What may stand in the file: no secret, but where each secret's file may be named."""
    described = Settings.model_json_schema()
    for name, field in fields(Settings):
        section = _section(described, name[:-1])
        if is_secret(field):
            del section[name[-1]]
            section[f"{name[-1]}_file"] = {
                "type": "string",
                "description": f"file that holds the secret: {field.description}",
            }
        elif is_duration(field):
            section[name[-1]]["default"] = write_duration(field.default)
        elif "items" in section[name[-1]] or "additionalProperties" in section[name[-1]]:
            section[name[-1]] = _also_as_text(section[name[-1]])
    return {"$schema": _DIALECT, **described}


def _also_as_text(setting: dict[str, Any]) -> dict[str, Any]:
    """A list or table that may also be given as one text, with commas between its parts."""
    about = {name: setting[name] for name in ("title", "description", "default")}
    shape = {name: setting[name] for name in setting if name not in about}
    return about | {"anyOf": [shape, {"type": "string", "description": "parts with commas between"}]}


def _section(described: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The settings that the schema describes in one section."""
    section = described
    for name in path:
        section = described["$defs"][section["properties"][name]["$ref"].rpartition("/")[2]]
    properties: dict[str, Any] = section["properties"]
    return properties
