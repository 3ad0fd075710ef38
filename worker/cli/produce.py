"""``top-tweets produce``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from worker.cli.brokers import NoBrokerError, connect
from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import Settings, load
from worker.settings.agreement import topic_fault
from worker.settings.faults import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress

    from worker.produce import Producing

_STANDARD_INPUT: Final = "-"
_COMPLAINTS: Final = 20
_REFRESH_EVERY: Final = 500
_AFTER_INTERRUPT: Final = 5.0
_INTERRUPTED: Final = 130


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
    from worker.produce import ProduceError

    # The API is not asked for anything here, so no token is needed.
    settings = load_or_exit(config, lambda path: load(path, {"engagement": {"bearer_token": "unused"}}))
    target = next(iter(settings.kafka.topic), None) if topic is None else topic
    if target is None:
        typer.echo("kafka.topic names no topic (there is a pattern): say which with --topic", err=True)
        raise typer.Exit(BAD_SETTINGS)
    if campaign and "header" not in settings.intake.campaigns_from:
        typer.echo("--campaign goes into a header: intake.campaigns_from must name header", err=True)
        raise typer.Exit(BAD_SETTINGS)
    faults = list(_faults(files, campaign or [], target, settings.kafka.group))
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(BAD_SETTINGS)
    try:
        done = _produce(settings, files, campaign or [], target)
    except (NoBrokerError, ProduceError, OSError) as error:
        typer.echo(f"produce: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(done.account())
    raise typer.Exit(1 if done.outcomes["unreadable"] or done.failed else 0)


def _faults(files: Sequence[str], campaigns: Sequence[str], topic: str, group: str) -> Iterator[str]:
    """What is wrong with what was asked, before anything is sent."""
    if (right := topic_fault(topic, group)) is not None:
        yield f"--topic {shown(topic)}: {right}"
    for name in campaigns:
        if not name.strip():
            yield f"--campaign {shown(name)}: is empty; give a name, or leave it out"
    for name in files:
        if name == _STANDARD_INPUT or Path(name).is_file():
            continue
        if Path(name).is_dir():
            yield f"{name} is a directory: name the files in it"
        else:
            yield f"no such file: {name}"


def _produce(settings: Settings, files: Sequence[str], campaigns: Sequence[str], topic: str) -> Producing:
    from rich.console import Console

    from worker.produce import ProduceError, Producing
    from worker.reading import reading_rules

    console = Console(stderr=True, highlight=False)
    complaints = 0

    def complain(text: str) -> None:
        nonlocal complaints
        complaints += 1
        if complaints <= _COMPLAINTS:
            console.print(text, markup=False, soft_wrap=True)
        elif complaints == _COMPLAINTS + 1:
            console.print("(further lines that cannot be read are only counted)")

    def tell(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    producer = connect(settings.kafka, lambda connections: connections.producer(), tell)
    producing = Producing(producer, topic, campaigns, reading_rules(settings.intake), complain)
    try:
        with _progress(console) as progress:
            for name in files:
                _send_file(producing, name, progress)
        producing.finish()
    except KeyboardInterrupt:
        with contextlib.suppress(ProduceError):  # then what is on the way counts as not sent
            producing.finish(within=_AFTER_INTERRUPT)
        console.print(f"interrupted: {producing.account()}", markup=False, soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        producer.close(timeout=_AFTER_INTERRUPT)
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
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bytes"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
