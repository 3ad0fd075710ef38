"""Settings from any text: they load, or say what is wrong; and what is written is read back."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.settings.environment import NEEDED, set_environment
from worker.settings import Settings, SettingsError, load
from worker.settings.document import as_toml
from worker.settings.load import masked
from worker.settings.sections import ENV_PREFIX
from worker.settings.types import parse_duration, write_duration
from worker.settings.walk import fields, is_secret

if TYPE_CHECKING:
    from worker.settings import Fault

CANARY = "canary-90ff"
SECRETS = [name for name, field in fields(Settings) if is_secret(field)]
SETTINGS = [ENV_PREFIX + "__".join(name).upper() for name, _ in fields(Settings)]
SECTIONS = sorted({variable.rpartition("__")[0] for variable in SETTINGS})
TAILS = st.sampled_from(["", "_FILE", "__X", "__", "_", "S"])
VARIABLES = st.builds("{}{}".format, st.sampled_from(SETTINGS + SECTIONS), TAILS) | st.builds(
    "TOPTWEETS_{}".format,
    st.text(st.characters(codec="ascii", exclude_characters="=\0"), min_size=1, max_size=9),
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
VALUES = (
    TEXT
    | st.sampled_from(
        [
            "",
            "0",
            "-1",
            "nan",
            "inf",
            "1e400",
            "9" * 400,
            "9" * 5000,
            "true",
            "1h",
            "{}",
            "[]",
            "null",
            "a=b,=",
            ",",
        ]
    )
    | st.integers().map(str)
    | st.floats().map(str)
    | st.binary(max_size=5)
    .filter(lambda raw: b"\0" not in raw)
    .map(lambda raw: raw.decode(errors="surrogateescape"))
)


def faults_now(path: Path | None = None) -> tuple[Fault, ...]:
    """What is wrong with the settings as they are now; what is right can be shown."""
    try:
        as_toml(masked(load(path)))
    except SettingsError as error:
        if not error.faults:
            raise AssertionError("an error without a fault") from error
        return error.faults
    return ()


@given(st.dictionaries(VARIABLES, VALUES, max_size=6))
@settings(deadline=None, max_examples=300)
def test_any_environment_gives_settings_or_faults(variables: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, NEEDED | variables)
        for fault in faults_now():
            assert fault.name
            assert fault.right


@given(st.sampled_from(SETTINGS), VALUES)
@settings(deadline=None, max_examples=300)
def test_any_text_for_one_setting_is_its_value_or_its_fault(variable: str, text: str) -> None:
    name = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".")
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, NEEDED | {variable: text})
        sections = {fault.name.rpartition(".")[0] for fault in faults_now()}
    assert sections <= {name.rpartition(".")[0]}


@given(
    st.sampled_from(SECRETS),
    st.sampled_from(["", " x", "\n", "é"]),
    st.dictionaries(VARIABLES, VALUES, max_size=2),
)
@settings(deadline=None)
def test_no_message_and_no_repr_ever_has_a_secret(
    secret: tuple[str, ...], tail: str, variables: dict[str, str]
) -> None:
    variable = ENV_PREFIX + "__".join(secret).upper()
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, NEEDED | variables | {variable: CANARY + tail})
        try:
            loaded = load(None)
        except SettingsError as error:
            shown = str(error) + repr(error.faults)
        else:
            shown = repr(loaded) + as_toml(masked(loaded))
    assert CANARY not in shown


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
    | st.sampled_from(
        [
            "[kafka]\ntopic = 5",
            "kafka = 1",
            "[kafka]\nkafka = 1\n[kafka.security]\nx=1",
            "[[kafka]]",
            "a.b.c = 1",
        ]
    )
)
@settings(deadline=None)
def test_any_file_gives_settings_or_faults(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        set_environment(patch, NEEDED)
        path = Path(directory, "worker.toml")
        path.write_text(text, encoding="utf-8")
        faults_now(path)


@given(
    st.floats(0, 86_400 * 3660)
    | st.integers(0, 86_400 * 3660)
    | st.integers(0, 10**8).map(lambda ms: ms / 1000)
)
def test_a_duration_is_read_back_as_it_was_written(seconds: float) -> None:
    assert parse_duration(write_duration(float(seconds))) == seconds


@given(
    st.text(max_size=20)
    | st.builds("{}{}".format, st.integers(), st.sampled_from(["ms", "s", "m", "h", "d", "y"]))
)
def test_any_text_is_a_duration_or_not_one(text: str) -> None:
    with contextlib.suppress(ValueError):
        seconds = parse_duration(text)
        assert 0 <= seconds <= 86_400 * 3660
        assert parse_duration(write_duration(seconds)) == seconds
