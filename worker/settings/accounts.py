"""The accounts that gave permission: from a TOML file, their tokens from the environment or files."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr  # noqa: TC002 -- pydantic resolves the annotations at run time

from worker.settings.faults import MASK, Fault, shown_path
from worker.settings.section import Section
from worker.settings.sections import ENV_ACCOUNTS, ENV_NESTING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRETS: Final = ("token", "token_secret")
_SETTING: Final = "engagement.accounts_file"
_HANDLE: Final = re.compile(r"[A-Za-z0-9_]{1,50}")
_LARGEST_ID: Final = 20
_FILE: Final = "_file"
_CLOSE: Final = 0.9
"""How like a variable another must be to have been meant; all begin alike."""
_KEYS: Final = {"handle", "id", *_SECRETS, *(f"{secret}{_FILE}" for secret in _SECRETS)}


class AccountSettings(Section):
    """An account: its handle, its number where known, and its OAuth 1.0a tokens."""

    handle: str
    id: str | None = None
    token: SecretStr
    token_secret: SecretStr


def read_accounts(path: Path | None) -> tuple[list[AccountSettings], list[Fault]]:
    """The accounts of the file ``[[accounts]]`` are in, and every fault found; ``None``: there are none.

    Without a file, tokens in the environment are passed over: a command may not need them.

    A token is given as ``TOPTWEETS_ACCOUNTS__<HANDLE>__TOKEN``, as the name of its file in the same with
    ``_FILE``, or as ``token_file`` beside the handle; so is ``token_secret``.
    """
    if path is None:
        return [], []
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return [], [Fault(_SETTING, str(path), f"cannot be read: {error}")]
    listed = document.pop("accounts", [])
    faults = [
        Fault(f"{path}: {name}", "", "no setting has this name; write [[accounts]]") for name in document
    ]
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        right = "names no accounts; write [[accounts]], and handle = … below it, for each"
        return [], [*faults, Fault(_SETTING, str(path), right)]
    accounts = [
        account
        for number, entry in enumerate(listed, start=1)
        if (account := _read(entry, f"{path}: account {number}", faults)) is not None
    ]
    faults.extend(_clashes(accounts, path))
    faults.extend(_strangers([str(entry.get("handle")) for entry in listed], path))
    return accounts, faults


def _read(entry: dict[str, Any], where: str, faults: list[Fault]) -> AccountSettings | None:
    handle = entry.get("handle")
    if not isinstance(handle, str) or not _HANDLE.fullmatch(handle.removeprefix("@")):
        faults.append(Fault(f"{where}: handle", repr(handle), "the account's name, of letters, digits and _"))
        return None
    values: dict[str, Any] = {**entry, "handle": handle.removeprefix("@")}
    where = f"{where} ({values['handle']})"
    number = values.get("id")
    if number is not None:
        values["id"] = str(number)
        if not re.fullmatch(rf"[0-9]{{1,{_LARGEST_ID}}}", values["id"]) or isinstance(number, bool | float):
            faults.append(Fault(f"{where}: id", repr(number), "the account's number, of digits"))
            return None
    before = len(faults)
    if unknown := sorted(values.keys() - _KEYS):
        # No value is shown: it may be a secret under a misspelt name.
        right = f"an account has handle, id, token_file and token_secret_file; not {', '.join(unknown)}"
        faults.append(Fault(where, "", right))
    for secret in _SECRETS:
        _read_secret(values, secret, where, faults)
    if len(faults) > before:
        return None
    return AccountSettings.model_validate(values)


def _read_secret(values: dict[str, Any], name: str, where: str, faults: list[Fault]) -> None:
    variable = _variable(values["handle"], name)
    if name in values:
        del values[name]
        right = f"is a secret; give it as {variable}, or name its file in {variable}_FILE or {name}_file"
        faults.append(Fault(f"{where}: {name}", MASK, right))
        return
    file = os.environ.get(variable + _FILE.upper(), values.pop(name + _FILE, None))
    secret = os.environ.get(variable)
    if secret is not None and variable + _FILE.upper() in os.environ:
        faults.append(Fault(variable, "", f"is given, and {variable}_FILE too; give one of them"))
        return
    if secret is None and file is not None:
        try:
            secret = Path(str(file)).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            faults.append(Fault(f"{where}: {name}", shown_path(str(file)), f"gives no secret ({reason})"))
            return
    if secret is None:
        faults.append(Fault(f"{where}: {name}", "not set", f"give it as {variable}, or in {name}_file"))
    elif not re.fullmatch(r"[!-~]+", secret):
        faults.append(Fault(f"{where}: {name}", MASK, "is empty, or holds what no token of X has"))
    else:
        values[name] = secret


def _clashes(accounts: list[AccountSettings], path: Path) -> Iterator[Fault]:
    seen: set[str] = set()
    for account in accounts:
        for name in filter(None, (account.handle.casefold(), account.id)):
            if name in seen:
                yield Fault(f"{path}: {account.handle}", "", f"{name} is named twice")
            seen.add(name)


def _strangers(handles: list[str], path: Path) -> Iterator[Fault]:
    """Variables that set nothing of these accounts."""
    known = [
        _variable(handle, secret) + suffix
        for handle in handles
        for secret in _SECRETS
        for suffix in ("", _FILE.upper())
    ]
    for name in sorted(name for name in os.environ if name.startswith(ENV_ACCOUNTS)):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
            right = f"did you mean {close[0]}?" if close else f"no account of {path} has this handle"
            yield Fault(name, "", right)


def _variable(handle: str, secret: str) -> str:
    return f"{ENV_ACCOUNTS}{handle.removeprefix('@')}{ENV_NESTING}{secret}".upper()
