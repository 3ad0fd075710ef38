"""``config/worker.toml``: every setting with its unit and default, written from the settings themselves."""

from __future__ import annotations

import json
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from worker.settings.sections import ENV_NESTING, ENV_PREFIX, Settings
from worker.settings.types import is_duration, write_duration
from worker.settings.walk import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_WIDTH = 108
_HEAD = f"""\
# Every setting of Top Tweets with its default: a line that is commented out shows the default.
# Each can be overridden by the environment: {ENV_PREFIX}KAFKA__TOPIC=posts, {ENV_PREFIX}BOARDS__TOP=20.
# Durations are a number and a unit: "250ms", "2s", "15m", "1h30m", "48h", "7d"; a bare number is seconds.
# Secrets are given by the environment ({ENV_PREFIX}ENGAGEMENT__BEARER_TOKEN), or by a file named in the
# environment (…_FILE) or here (…_file); written into this file, they are refused.
# It is read from where --config or TOPTWEETS_CONFIG say, else from config/worker.toml where a command runs.
# Check it: top-tweets config check --config config/worker.toml
"""


def document() -> str:
    """The text of ``config/worker.toml``."""
    return _HEAD + "\n".join(_section(Settings, ())) + "\n"


def as_toml(values: dict[str, Any], above: tuple[str, ...] = ()) -> str:
    """Plain nested values as TOML; ``None`` is left out, as TOML has none."""
    lines = [
        f"{key} = {_value(value)}"
        for key, value in values.items()
        if value is not None and not (isinstance(value, dict) and key not in _PAIRS)
    ]
    text = "\n".join(lines) + "\n" if lines else ""
    for key, value in values.items():
        if isinstance(value, dict) and key not in _PAIRS:
            inner = as_toml(value, (*above, key))
            text += f"\n[{'.'.join((*above, key))}]\n{inner}"
    return text


_PAIRS = frozenset({"tag_campaigns", "hashtag_campaigns", "topic_campaigns"})


def _section(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    tables = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            tables.append((name, field.annotation, field.description))
            continue
        yield from _setting(name, field, above)
    for name, table, description in tables:
        yield ""
        yield f"# {_sentence(description)}."
        yield f"[{'.'.join((*above, name))}]"
        yield from _section(table, (*above, name))


def _setting(name: str, field: FieldInfo, above: tuple[str, ...]) -> Iterator[str]:
    for line in wrap(field.description or "", _WIDTH):
        yield f"# {line}"
    if is_secret(field):
        variable = ENV_PREFIX + ENV_NESTING.join((*above, name)).upper()
        yield f'# {name}_file = "/run/secrets/{name}"  # or {variable}'
        return
    default = _default(field)
    yield f"# {name} =  # not set" if default is None else f"# {name} = {_value(default)}"


def _default(field: FieldInfo) -> Any:  # noqa: ANN401 -- a setting's value has any type
    if field.default is PydanticUndefined:
        return None
    return write_duration(field.default) if is_duration(field) else field.default


def _value(value: object) -> str:
    """A TOML value: its strings, numbers, lists and booleans are written as in JSON; tables are inline."""
    if isinstance(value, SecretStr):
        raise TypeError("a secret is never written")
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_value(k)} = {_value(v)}" for k, v in value.items()) + " }" if value else "{}"
        )
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _sentence(description: str | None) -> str:
    return f"{description[0].upper()}{description[1:]}" if description else ""
