"""An environment without this machine's settings, and the little that every worker must be told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from worker.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.settings import Fault

TOKEN: Final = "TOPTWEETS_ENGAGEMENT__BEARER_TOKEN"
TOPIC: Final = "TOPTWEETS_KAFKA__TOPIC"
NEEDED: Final = {TOKEN: "canary-token", TOPIC: "posts"}


def set_environment(patch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Only these settings, whatever the tests were started with."""
    for variable in [name for name in os.environ if name.startswith("TOPTWEETS_")]:
        patch.delenv(variable)
    for variable, text in variables.items():
        patch.setenv(variable, text)


def loaded(*file: str | Path, **variables: str) -> Settings:
    """Settings from ``TOPTWEETS_`` variables and what is needed; ``file``: a text, and where to put it."""
    return _loaded(file, NEEDED | _named(variables))


def loaded_alone(*file: str | Path, **variables: str) -> Settings:
    """``loaded`` without what is needed."""
    return _loaded(file, _named(variables))


def faults_of(*file: str | Path, **variables: str) -> tuple[Fault, ...]:
    """All that is wrong with what ``loaded`` would load."""
    return _faults(file, NEEDED | _named(variables))


def faults_of_alone(*file: str | Path, **variables: str) -> tuple[Fault, ...]:
    """``faults_of`` without what is needed."""
    return _faults(file, _named(variables))


def _named(variables: dict[str, str]) -> dict[str, str]:
    return {f"TOPTWEETS_{name}": text for name, text in variables.items()}


def _faults(file: Sequence[str | Path], variables: dict[str, str]) -> tuple[Fault, ...]:
    with pytest.raises(SettingsError) as error:
        _loaded(file, variables)
    return error.value.faults


def _loaded(file: Sequence[str | Path], variables: dict[str, str]) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, variables)
        if not file:
            return load(None)
        toml, directory = file
        path = Path(directory, "worker.toml")
        path.write_text(str(toml), encoding="utf-8")
        return load(path)
