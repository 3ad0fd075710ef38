"""``top-tweets sandbox``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from worker.cli.common import BAD_SETTINGS


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8090,
    seed: Annotated[int, typer.Option(help="Which world of counts.")] = 1,
    requests_per_minute: Annotated[
        float,
        typer.Option(help="The quota in any rolling minute; 0 is without limit, 0.25 is 1 in any 240 s."),
    ] = 120.0,
    growth_minutes: Annotated[
        float, typer.Option(help="Age at which an ordinary Post has half of its first wave.")
    ] = 80.0,
    requests_per_second: Annotated[
        int, typer.Option(help="A quota in any rolling second besides; 0 is none.")
    ] = 0,
    accounts: Annotated[int, typer.Option(help="Accounts that own Posts.")] = 3,
    owned: Annotated[float, typer.Option(help="Share of all Posts that the accounts own.")] = 0.5,
    historical_from: Annotated[
        str, typer.Option(help="Date before which historical does not reach.")
    ] = "2014-09-01",
    historical_days: Annotated[
        int, typer.Option(help="Days that historical reaches back at most; 0 is without this limit.")
    ] = 0,
    kept_requests: Annotated[
        int, typer.Option(help="Newest requests that GET /sandbox/requests tells of; 0 is none.")
    ] = 0,
    clock_speed: Annotated[float, typer.Option(help="How fast time goes.")] = 1.0,
    clock_since: Annotated[str, typer.Option(help="Moment that it goes so fast from.")] = "",
    print_accounts: Annotated[
        bool, typer.Option("--print-accounts", help="Print the accounts and their credentials, and end.")
    ] = False,
) -> None:
    """Run an Engagement API for development: counts that anybody can compute. See docs/sandbox.md."""
    # Only when asked to run it.
    from sandbox.owners import accounts_as_json
    from sandbox.server import SandboxSettings, serve

    try:
        settings = SandboxSettings(
            host=host,
            port=port,
            seed=seed,
            requests_per_minute=requests_per_minute,
            growth_minutes=growth_minutes,
            requests_per_second=requests_per_second,
            accounts=accounts,
            owned=owned,
            historical_from=historical_from,
            historical_days=historical_days,
            kept_requests=kept_requests,
            clock_speed=clock_speed,
            clock_since=clock_since,
        )
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_SETTINGS) from None

    if print_accounts:
        typer.echo(accounts_as_json(settings))
        return

    def ready(url: str) -> None:
        typer.echo(f"sandbox: {url} (bearer token: {settings.bearer_token})")

    try:
        asyncio.run(serve(settings, ready))
    except OSError as error:
        typer.echo(f"sandbox: cannot listen on {host}:{port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None
