"""``top-tweets why``."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.common import BAD_SETTINGS
from worker.starting import interrupted_at_once

_FAILED = 1
_HERE = "http://127.0.0.1:8080"


def why(
    post_id: Annotated[str, typer.Argument(metavar="POST_ID", help="Or a link to the Post.")],
    url: Annotated[
        list[str] | None,
        typer.Option(
            "--url", metavar="URL", help="Of a worker; of each, where there are more.", show_default=_HERE
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What the worker tells, as it tells it.")] = False,
) -> None:
    """Why a Post was asked for, what it has probably come to, and what it competes with."""
    with interrupted_at_once():
        import orjson

        from worker import why as telling
        from worker.formats.ids import read_id
        from worker.model import Unreadable
    # A link to a Post ends with its ID.
    read = read_id(post_id.rstrip("/").rsplit("/", 1)[-1].split("?")[0], "POST_ID")
    if isinstance(read, Unreadable):
        typer.echo(read.detail, err=True)
        raise typer.Exit(BAD_SETTINGS)
    try:
        post = telling.ask(url or [_HERE], read)
    except telling.NoAnswerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_FAILED) from None
    typer.echo(orjson.dumps(post, option=orjson.OPT_INDENT_2) if as_json else telling.tell(post))
