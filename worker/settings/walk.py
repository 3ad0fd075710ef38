"""Going through all settings, whatever table they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


def fields(
    model: type[BaseModel], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every setting that holds a value: its path from the root and its field."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, (*above, name))
        else:
            yield (*above, name), field


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting's value must never be shown."""
    return field.annotation == SecretStr | None


def secrets(settings: BaseModel, above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every secret that is set: its dotted name and its text."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from secrets(value, (*above, name))
        elif isinstance(value, SecretStr):
            yield ".".join((*above, name)), value.get_secret_value()
