"""``top-tweets config``: look at the settings without running anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from worker.cli.common import ConfigOption, load_or_exit
from worker.settings.document import as_toml, document
from worker.settings.load import masked
from worker.settings.schema import schema as schema_of_file

if TYPE_CHECKING:
    from pathlib import Path  # noqa: F401 -- typer resolves it

app = typer.Typer(help="Check the settings, show them, or print what there is to set.", no_args_is_help=True)


@app.command()
def check(config: ConfigOption = None) -> None:
    """Say every fault in the settings; exit code 2 when there is one."""
    load_or_exit(config)
    typer.echo("The settings are right.")


@app.command()
def show(config: ConfigOption = None) -> None:
    """Print the settings as they stand: file, environment and defaults together, secrets masked."""
    typer.echo(as_toml(masked(load_or_exit(config))), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file."""
    typer.echo(json.dumps(schema_of_file(), indent=2))


@app.command()
def template() -> None:
    """Print a settings file with every setting, its meaning and its default."""
    typer.echo(document(), nl=False)
