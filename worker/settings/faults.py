"""What is wrong with settings, said so that it can be mended without a second look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MASK: Final = "********"
"""Stands for a secret wherever settings are shown."""

_LONGEST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: the setting's name, its value as given (masked where secret), and what is right."""

    name: str
    value: str
    right: str

    def __str__(self) -> str:
        return f"{self.name} = {self.value}: {self.right}" if self.value else f"{self.name}: {self.right}"


class SettingsError(Exception):
    """The settings cannot be used. ``faults`` has every fault found, not just the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"{count} fault{'s' if count != 1 else ''} in the settings:\n{lines}")


def shown_path(path: str) -> str:
    """The name of a secret's file. What looks like no path may be the secret itself, in the wrong place."""
    return path if "/" in path or "\\" in path else MASK


def shown(value: object) -> str:
    """A value as a fault tells it: nearly as it was written, and never long."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = repr(value)
    except ValueError:
        return "a number with thousands of digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
