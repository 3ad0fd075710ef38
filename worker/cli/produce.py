"""``top-tweets produce``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.produce import Producing

_STANDARD_INPUT: Final = "-"
_COMPLAINTS: Final = 20
_REFRESH_EVERY: Final = 500


def produce(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="Text, CSV, JSON, JSON Lines, gzip of each; -: standard input."),
    ],
    campaign: Annotated[
        list[str] | None, typer.Option("--campaign", help="The campaign of the Posts; may be given again.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="The topic, if not the first of kafka.topic.")] = None,
    config: ConfigOption = None,
) -> None:
    """Put the Post IDs of files on the input topic. Exit code 1 if a line could not be read or sent."""
    from worker.produce import ProduceError  # noqa: PLC0415 -- so that --help is quick

    # The API is not asked for anything here, so no token is needed.
    settings = load_or_exit(config, lambda path: load(path, {"engagement": {"bearer_token": "unused"}}))
    target = topic or next(iter(settings.kafka.topic), None)
    if target is None:
        typer.echo("kafka.topic names no topic (there is a pattern): say which with --topic", err=True)
        raise typer.Exit(BAD_SETTINGS)
    if campaign and "header" not in settings.intake.campaigns_from:
        typer.echo("--campaign goes into a header: intake.campaigns_from must name header", err=True)
        raise typer.Exit(BAD_SETTINGS)
    missing = [name for name in files if name != _STANDARD_INPUT and not Path(name).is_file()]
    if missing:
        typer.echo(f"no such file: {', '.join(missing)}", err=True)
        raise typer.Exit(BAD_SETTINGS)
    try:
        done = _produce(settings, files, campaign or [], target)
    except (ProduceError, OSError) as error:
        typer.echo(f"produce: {error}", err=True)
        raise typer.Exit(1) from None
    counted = done.outcomes
    typer.echo(
        f"{counted['sighting']:,} Post IDs and {counted['tombstone']:,} delete notices sent to {target}; "
        f"{counted['skipped']:,} skipped, {counted['unreadable']:,} not readable, {done.failed:,} not sent"
    )
    raise typer.Exit(1 if counted["unreadable"] or done.failed else 0)


def _produce(settings: Settings, files: Sequence[str], campaigns: Sequence[str], topic: str) -> Producing:
    from kafka.errors import KafkaError  # noqa: PLC0415

    from worker.connections import KafkaConnections  # noqa: PLC0415
    from worker.produce import ProduceError, Producing  # noqa: PLC0415
    from worker.reading import reading_rules  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    complaints = 0

    def complain(text: str) -> None:
        nonlocal complaints
        complaints += 1
        if complaints <= _COMPLAINTS:
            console.print(text, markup=False)
        elif complaints == _COMPLAINTS + 1:
            console.print("(further lines that cannot be read are only counted)")

    try:
        producer = KafkaConnections(settings.kafka).producer()
    except KafkaError as error:
        servers = ", ".join(settings.kafka.bootstrap_servers)
        raise ProduceError(
            f"no broker answers at {servers} ({error}): check kafka.bootstrap_servers"
        ) from error
    try:
        producing = Producing(producer, topic, campaigns, reading_rules(settings.intake), complain)
        with _progress(console) as progress:
            for name in files:
                _send_file(producing, name, progress)
        producing.finish()
    finally:
        producer.close(timeout=5)
    return producing


def _send_file(producing: Producing, name: str, progress: Progress) -> None:
    path = None if name == _STANDARD_INPUT else Path(name)
    size = path.stat().st_size if path else None
    task = progress.add_task(path.name if path else "standard input", total=size)
    with _opened(path) as stream:
        for number, _ in enumerate(producing.send_file(stream, name), start=1):
            if number % _REFRESH_EVERY == 0 and path:
                progress.update(task, completed=stream.tell())
    progress.update(task, completed=size or 1, total=size or 1)


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdin.buffer
    else:
        with path.open("rb") as stream:
            yield stream


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bytes"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
