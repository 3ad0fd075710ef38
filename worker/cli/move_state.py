"""``top-tweets move-state``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from worker.cli.brokers import NoBrokerError, connect
from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import load
from worker.settings.sections import GROUP_PATTERN

_FAILED: Final = 1


def move_state(
    to: Annotated[str, typer.Option(metavar="GROUP", help="The group to move to: its topics are made.")],
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=1000, metavar="N", help="Partitions there, if not as many as here."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also where that group is in use; what it has is overwritten.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Move all that is known to another group, such as one with another number of partitions.

    Stop the workers first. Nothing of the old group is changed, and its dead letters stay there; it may be
    repeated. Exit code 1: it failed.
    """
    import re

    from kafka.errors import KafkaError

    from worker.connections import KafkaConnections
    from worker.intake.topics import TopicNames, TopicsError, WrongPartitionsError, ensure_topics
    from worker.model import Seconds
    from worker.move_state import MoveError, StateMove
    from worker.topic_reading import TopicError

    # The API is not asked for anything here, so no token is needed.
    settings = load_or_exit(config, lambda path: load(path, {"engagement": {"bearer_token": "unused"}}))
    kafka = settings.kafka
    if not re.fullmatch(GROUP_PATTERN, to) or to == kafka.group:
        typer.echo(
            f"--to {to!r}: another group than {kafka.group}, of letters, digits, dot, _ and -", err=True
        )
        raise typer.Exit(BAD_SETTINGS)
    count = partitions or kafka.sightings_partitions

    def tell(text: str) -> None:
        typer.echo(text, err=True)

    try:
        admin = connect(kafka, KafkaConnections.admin, tell)
        try:
            ensure_topics(
                admin,
                TopicNames(to),
                sightings_partitions=count,
                tracking_window=Seconds(settings.watchlist.tracking_window),
                replication_factor=kafka.replication_factor,
            )
        finally:
            admin.close()
        move = StateMove(kafka, KafkaConnections(kafka), to, tell)
        move.run(again=again)
    except WrongPartitionsError as error:
        typer.echo(
            f"move-state: group {to} has {error.there} partitions, and not {count}: say --partitions "
            f"{error.there}, or name a group by --to that is not there yet",
            err=True,
        )
        raise typer.Exit(_FAILED) from None
    except (KafkaError, MoveError, NoBrokerError, TopicError, TopicsError) as error:
        typer.echo(f"move-state: {error}", err=True)
        raise typer.Exit(_FAILED) from None
    for name, number in move.counts.items():
        typer.echo(f"{number:>12,} {name}")
    left = TopicNames(kafka.group)
    typer.echo(
        f"{left.dead_letters} and {left.replayed} stay where they are: replay those letters from there"
    )
    typer.echo(f"now set kafka.group to {to} and kafka.sightings_partitions to {count} for all workers")
