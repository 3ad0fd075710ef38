"""What several commands share: where settings come from, and how their faults are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from worker.settings import Settings, SettingsError, load
from worker.settings.sections import ENV_CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_SETTINGS: Final = 2
LAST_PORT: Final = 65_535
TELL_WAIT_AFTER: Final = 2.0
_USUAL_PLACE: Final = Path("config/worker.toml")

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=ENV_CONFIG,
        show_default=False,
        help="The settings file (TOML). Without one, config/worker.toml if it is there, and the environment.",
    ),
]


def settings_file(named: Path | None) -> Path | None:
    """The settings file that counts: the one named, else the one in its usual place, if it is there."""
    return _USUAL_PLACE if named is None and _USUAL_PLACE.is_file() else named


def load_or_exit(path: Path | None, loader: Callable[[Path | None], Settings] = load) -> Settings:
    """The settings; with faults, all of them on standard error and exit code 2."""
    try:
        return loader(settings_file(path))
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_SETTINGS) from None
