"""``python -m sandbox``: a sandbox in a process of its own, until SIGTERM or SIGINT.

Its options are those fields of ``SandboxSettings`` that carry a help text. When it answers, it prints one
line of JSON, ``{"url": "http://127.0.0.1:PORT"}``. The credentials come from the environment, never from the
command line.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Final

import orjson

from sandbox.owners import accounts_as_json
from sandbox.server import serve
from sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

_FROM_ENVIRONMENT: Final = ("consumer_key", "consumer_secret", "bearer_token")
_USAGE: Final = 2
_NOT_LISTENING: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the process's exit code: 0 stopped, 1 could not listen, 2 wrong options."""
    options = dict(vars(_parser().parse_args(arguments)))
    print_accounts = options.pop("print_accounts")
    for name in _FROM_ENVIRONMENT:
        if value := os.environ.get(f"SANDBOX_{name.upper()}"):
            options[name] = value
    try:
        settings = SandboxSettings(**options)
    except ValueError as fault:
        sys.stderr.write(f"{fault}\n")
        return _USAGE
    if print_accounts:
        sys.stdout.write(accounts_as_json(settings) + "\n")
        return 0
    try:
        asyncio.run(serve(settings, _say_where))
    except OSError as fault:
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {fault}\n")
        return _NOT_LISTENING
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description="An Engagement API for development.")
    for option in dataclasses.fields(SandboxSettings):
        if "help" in option.metadata:
            parser.add_argument(
                f"--{option.name.replace('_', '-')}",
                type=type(option.default),
                default=option.default,
                help=f"{option.metadata['help']} (default: %(default)s)",
            )
    parser.add_argument(
        "--print-accounts", action="store_true", help="print the accounts and their credentials, and end"
    )
    return parser


def _say_where(url: str) -> None:
    sys.stdout.write(orjson.dumps({"url": url}).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
