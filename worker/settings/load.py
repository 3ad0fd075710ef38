"""From file and environment to ``Settings``, or to all faults at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from worker.settings.accounts import read_accounts
from worker.settings.agreement import disagreements
from worker.settings.faults import MASK, Fault, SettingsError, shown, shown_path
from worker.settings.sections import ENV_ACCOUNTS, ENV_CONFIG, ENV_NESTING, ENV_PREFIX, Settings
from worker.settings.types import is_duration
from worker.settings.walk import fields, is_secret
from worker.settings.words import in_words

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

_FILE_SUFFIX = "_file"


def load(
    path: Path | None, given: Mapping[str, Any] | None = None, *, unneeded: Container[str] = ()
) -> Settings:
    """The settings of a TOML file (``None``: defaults), with ``given`` and the environment laid over them.

    ``unneeded``: settings that need not be set, nor go with others, since they are not used.

    Raises:
        SettingsError: with every fault found. Of a file that cannot be read with that alone: what it would
            have set is not known.
    """
    faults: list[Fault] = []
    values = _read_toml(path) if path else {}
    _refuse_values(values, faults)
    _refuse_secrets(values, faults)
    _lay_over(values, dict(given or {}))
    _lay_over(values, _read_environment(faults))
    _read_secret_files(values, faults)
    settings = _validate(values, faults, unneeded)
    if settings is not None:
        faults.extend(read_accounts(settings.engagement.accounts_file)[1])
    if faults or settings is None:
        raise SettingsError(faults)
    return settings


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        why = "no such file"
    except IsADirectoryError:
        why = "is a directory; name the file in it"
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        why = f"is not TOML: not UTF-8 at byte {error.start}"
    except RecursionError:
        why = "is not TOML: nested too deeply"
    except ValueError as error:
        why = f"is not TOML: {error}"
    raise SettingsError([Fault(str(path), "", why)])


def _refuse_values(values: dict[str, Any], faults: list[Fault]) -> None:
    """A value where a section should be is taken out and told; it is not shown, as it may be a secret."""
    sections = {name[:depth] for name, _ in fields(Settings) for depth in range(1, len(name))}
    for name in sorted(sections):
        section = _section(values, name[:-1])
        if section is not None and not isinstance(section.get(name[-1], {}), dict):
            del section[name[-1]]
            faults.append(Fault(".".join(name), "", f"is a section; it begins with [{'.'.join(name)}]"))


def _refuse_secrets(values: dict[str, Any], faults: list[Fault]) -> None:
    """A secret in the file is taken out and told: files of settings end up in repositories."""
    for name, field in fields(Settings):
        if not is_secret(field):
            continue
        section = _section(values, name[:-1])
        if section is not None and name[-1] in section:
            del section[name[-1]]
            variable = _variable(name)
            right = (
                f"is a secret; give it as {variable} or name its file in {variable}_FILE or {name[-1]}_file"
            )
            faults.append(Fault(".".join(name), MASK, right))


def _read_environment(faults: list[Fault]) -> dict[str, Any]:
    """What the environment sets, by section. Texts as they are: the settings' types read them."""
    settable = {name: is_secret(field) for name, field in fields(Settings)}
    settable |= {(*name[:-1], name[-1] + _FILE_SUFFIX): False for name, secret in settable.items() if secret}
    sections = {name[:depth] for name in settable for depth in range(1, len(name))}
    values: dict[str, Any] = {}
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(ENV_PREFIX) or variable == ENV_CONFIG or variable.startswith(ENV_ACCOUNTS):
            continue
        name = tuple(variable.removeprefix(ENV_PREFIX).lower().split(ENV_NESTING))
        if name in settable:
            _lay_over(values, _nested(name, text))
        elif name in sections:
            parts = next(_variable(known) for known in settable if known[: len(name)] == name)
            faults.append(Fault(variable, "", f"is a section; it is set by its parts, such as {parts}"))
        else:
            faults.append(Fault(variable, "", "no setting has this name" + _nearest(variable)))
    faults.extend(_given_twice())
    return values


def _given_twice() -> Iterator[Fault]:
    for name, field in fields(Settings):
        variable = _variable(name)
        file_variable = variable + _FILE_SUFFIX.upper()
        if is_secret(field) and variable in os.environ and file_variable in os.environ:
            yield Fault(variable, MASK, f"{file_variable} is given as well, and only one of them can hold")


def _nested(name: Sequence[str], value: object) -> dict[str, Any]:
    return {name[0]: value if len(name) == 1 else _nested(name[1:], value)}


def _nearest(variable: str) -> str:
    names = [_variable(name) for name, _ in fields(Settings)]
    close = difflib.get_close_matches(variable, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _read_secret_files(values: dict[str, Any], faults: list[Fault]) -> None:
    """Each ``<secret>_file`` gives the secret, unless the environment gave it outright."""
    for name, field in fields(Settings):
        if not is_secret(field):
            continue
        section = _section(values, name[:-1])
        if section is None or name[-1] + _FILE_SUFFIX not in section:
            continue
        path = str(section.pop(name[-1] + _FILE_SUFFIX))
        if name[-1] in section:
            continue
        try:
            secret, reason = Path(path).read_text(encoding="utf-8").rstrip("\r\n"), "it is empty"
        except (OSError, ValueError) as error:
            secret, reason = "", getattr(error, "strerror", None) or "not text"
        if secret:
            section[name[-1]] = secret
        else:
            right = f"gives no secret ({reason}); name a file that holds the secret alone"
            faults.append(Fault(".".join(name) + _FILE_SUFFIX, shown_path(path), right))


def _lay_over(below: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def _validate(values: dict[str, Any], faults: list[Fault], unneeded: Container[str]) -> Settings | None:
    """Validate; take what is wrong out and validate the rest, so that disagreements are found too."""
    wrong = {fault.name.removesuffix(_FILE_SUFFIX) for fault in faults}
    for _ in range(2):
        try:
            settings = Settings.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                fault = _as_written(_fault(detail), values)
                wrong.add(fault.name)
                faults.append(fault)
                _take_out(values, detail["loc"])
        else:
            found = (fault for fault in disagreements(settings) if fault.name not in unneeded)
            faults.extend(_as_written(fault, values) for fault in found if fault.name not in wrong)
            return settings
    return None


def _fault(detail: ErrorDetails) -> Fault:
    loc = tuple(str(part) for part in detail["loc"])
    known = dict(fields(Settings))
    if detail["type"] == "extra_forbidden":
        names = {".".join(name[:depth]) for name in known for depth in range(1, len(name) + 1)}
        close = difflib.get_close_matches(".".join(loc), sorted(names), n=1)
        # The value is not shown: it may be a secret under a misspelt name.
        return Fault(
            ".".join(loc), "", "no setting has this name" + (f"; did you mean {close[0]}?" if close else "")
        )
    name = next((loc[:depth] for depth in range(len(loc), 0, -1) if loc[:depth] in known), None)
    if name is None:
        return Fault(".".join(loc), "", in_words(detail))
    value = MASK if is_secret(known[name]) else shown(detail["input"])
    right = in_words(detail, seconds=is_duration(known[name]))
    return Fault(".".join(name), value, f"{right} ({known[name].description})")


def _as_written(fault: Fault, values: dict[str, Any]) -> Fault:
    """The fault with a duration as it was given, where it was: the settings have it in seconds."""
    name = tuple(fault.name.split("."))
    field = dict(fields(Settings)).get(name)
    written = (_section(values, name[:-1]) or {}).get(name[-1])
    if field is None or not is_duration(field) or written is None:
        return fault
    return Fault(fault.name, shown(written), fault.right)


def _take_out(values: dict[str, Any], loc: Sequence[int | str]) -> None:
    """Remove the innermost table entry on the way to a fault."""
    for path in _prefixes(loc):
        section = _section(values, path[:-1])
        if section is not None and path[-1] in section and not isinstance(section[path[-1]], dict):
            del section[path[-1]]
            return
    section = _section(values, [str(part) for part in loc[:-1]])
    if section is not None:
        section.pop(str(loc[-1]), None)


def _prefixes(loc: Sequence[int | str]) -> Iterator[list[str]]:
    for length in range(1, len(loc) + 1):
        yield [str(part) for part in loc[:length]]


def _section(values: dict[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    section: Any = values
    for part in path:
        section = section.get(part) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else None


def _variable(name: Sequence[str]) -> str:
    return ENV_PREFIX + ENV_NESTING.join(name).upper()


def masked(settings: BaseModel) -> dict[str, Any]:
    """The settings as plain values, with every secret that is set masked."""
    plain: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            plain[name] = masked(value)
        elif is_secret(field):
            plain[name] = MASK if value is not None else None
        else:
            plain[name] = settings.model_dump(mode="json", include={name})[name]
    return plain
