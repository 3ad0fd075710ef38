"""``top-tweets report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import load
from worker.starting import interrupted_at_once, terminated_as_interrupted

if TYPE_CHECKING:
    from worker.settings import Settings

_FAILED = 3


def report(  # noqa: PLR0917 -- a command has its options as arguments
    inputs: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER|-…", help="Post IDs in any shape; -: standard input.")
    ],
    endpoint: Annotated[
        str, typer.Option(metavar="NAME", help="totals, 28hr or historical.", show_default=False)
    ] = "totals",
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="Historical: a date, or 7d, 6h, 30m.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="DATE", help="The same. If missing: 28 days away.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(metavar="NAMES", help="With commas between them, or all.")
    ] = None,
    group_by: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="A time series by day or hour.")
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help="Places of each top list.")] = 10,
    by: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Also of each campaign, author.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="HANDLE", help="Whose Posts without author are.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="The report's name.")] = "Top Tweets",
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="For the results.")] = Path("report"),
    format_: Annotated[
        str,
        typer.Option("--format", metavar="NAMES", help="csv,json,html, which is all.", show_default=False),
    ] = "csv,json,html",
    save_answers: Annotated[bool, typer.Option("--save-answers", help="Keep the API's answers.")] = False,
    append: Annotated[bool, typer.Option("--append", help="Go on with the daily tally.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was interrupted.")] = False,
    quota_share: Annotated[float, typer.Option(metavar="0…1", help="Share of the quota.")] = 1.0,
    explain: Annotated[bool, typer.Option("--explain", help="Say what it takes; ask nothing.")] = False,
    config: ConfigOption = None,
) -> None:
    """Report on the Posts of files: docs/report.md. Exit code: 0, 3 if some failed, 2 if asked wrongly."""
    with interrupted_at_once():
        from worker.report.command import Command
        from worker.report.console import complain
        from worker.report.job import UsageError

    with terminated_as_interrupted():
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
            code = command.explain(settings) if explain else command.run(settings)
        except UsageError as error:
            complain(f"report: {error}")
            code = BAD_SETTINGS
        except OSError as error:
            complain(f"report: {error}")
            code = _FAILED
    raise typer.Exit(code)


def _load(path: Path | None, *, asks: bool) -> Settings:
    """The settings, of which Kafka's are not needed, nor a token where nothing is asked."""
    return load(path, unneeded=("kafka.topic",) if asks else ("kafka.topic", "engagement.bearer_token"))
