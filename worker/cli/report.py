"""``top-tweets report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import load

if TYPE_CHECKING:
    from worker.settings import Settings

_FAILED = 3


def report(  # noqa: PLR0917 -- a command has its options as arguments
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="FILE|FOLDER|-…", help="Post IDs in files of any shape, gzip too; -: stdin."),
    ],
    endpoint: Annotated[str, typer.Option(help="totals, 28hr or historical.")] = "totals",
    start: Annotated[str | None, typer.Option(help="Of historical: a date, or 7d, 6h, 30m ago.")] = None,
    end: Annotated[str | None, typer.Option(help="The same; a missing end is 28 days away.")] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="Names with commas, or all; what the endpoint has for you.")
    ] = None,
    group_by: Annotated[list[str] | None, typer.Option(help="Time series by day or hour.")] = None,
    top: Annotated[int, typer.Option(min=0, max=100_000, help="Places of each top list.")] = 10,
    by: Annotated[list[str] | None, typer.Option(help="Also of each campaign, author.")] = None,
    account: Annotated[str | None, typer.Option(help="Whose Posts are those of unknown authors.")] = None,
    name: Annotated[str, typer.Option(help="The report's name.")] = "Top Tweets",
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("report"),
    format_: Annotated[str, typer.Option("--format", help="csv, json, html.")] = "csv,json,html",
    save_answers: Annotated[bool, typer.Option("--save-answers", help="Keep the API's answers.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Go on with the daily tally.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was interrupted.")] = False,
    quota_share: Annotated[
        float, typer.Option(min=0.000001, max=1.0, help="Share of engagement.requests_per_minute.")
    ] = 1.0,
    explain: Annotated[bool, typer.Option("--explain", help="Say what it takes; ask nothing.")] = False,
    config: ConfigOption = None,
) -> None:
    """Report on the Posts of files. Exit code: 0 all told, 3 something failed, 2 asked wrongly."""
    from worker.report.command import Command  # noqa: PLC0415 -- so that --help is quick
    from worker.report.job import UsageError  # noqa: PLC0415

    settings = load_or_exit(config, lambda path: _load(path, asks=not explain))
    try:
        command = Command.parse(
            inputs,
            endpoint=endpoint,
            start=start,
            end=end,
            metrics=metrics or [],
            group_by=group_by or [],
            top=top,
            by=by or [],
            account=account,
            name=name,
            out=out,
            formats=format_,
            save_answers=save_answers,
            append=append,
            resume=resume,
            share=quota_share,
        )
        code = command.explain(settings, typer.echo) if explain else command.run(settings, typer.echo)
    except UsageError as error:
        typer.echo(f"report: {error}", err=True)
        code = BAD_SETTINGS
    except OSError as error:
        typer.echo(f"report: {error}", err=True)
        code = _FAILED
    raise typer.Exit(code)


def _load(path: Path | None, *, asks: bool) -> Settings:
    """The settings, of which Kafka's are not needed, nor a token where nothing is asked."""
    return load(path, unneeded=("kafka.topic",) if asks else ("kafka.topic", "engagement.bearer_token"))
