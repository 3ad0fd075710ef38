"""The settings as documents: the file with all of them, and the JSON Schema."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.settings.environment import loaded
from worker.settings.document import as_toml, document
from worker.settings.faults import MASK
from worker.settings.load import masked
from worker.settings.schema import schema
from worker.settings.sections import Settings
from worker.settings.walk import fields, is_secret

CONFIG = Path(__file__).parents[3] / "config"


def problems(file: dict[str, Any]) -> list[str]:
    """What the schema says against the content of a settings file."""
    return [error.message for error in jsonschema.Draft202012Validator(schema()).iter_errors(file)]


def uncommented(text: str) -> str:
    """The document with each default set, as an operator would who removes the comment signs."""
    return re.sub(r"^# (?=[a-z_]+ = )(?!.*# not set$)", "", text, flags=re.MULTILINE)


def test_the_file_in_the_repository_is_the_document() -> None:
    assert (CONFIG / "worker.toml").read_text(encoding="utf-8") == document()


def test_every_setting_is_documented() -> None:
    text = document()
    for name, field in fields(Settings):
        assert field.description, name
        section = text.partition(f"\n[{'.'.join(name[:-1])}]\n")[2].partition("\n[")[0]
        shown = f"{name[-1]}_file" if is_secret(field) else name[-1]
        assert re.search(rf"^# {shown} = ", section, flags=re.MULTILINE), name


def test_the_documents_defaults_are_the_defaults(tmp_path: Path) -> None:
    text = re.sub(r"^[a-z_]+_file = .*\n", "", uncommented(document()), flags=re.MULTILINE)
    assert "tracking_window" in tomllib.loads(text)["watchlist"]
    text = text.replace("topic = []", 'topic = ["posts"]')
    assert loaded(text, tmp_path) == loaded()


def test_the_document_as_it_is_changes_nothing(tmp_path: Path) -> None:
    assert loaded(document(), tmp_path) == loaded()


@pytest.mark.parametrize("name", ["worker.toml", "demo.toml"])
def test_the_schema_takes_the_files_of_the_repository(name: str) -> None:
    assert not problems(tomllib.loads((CONFIG / name).read_text(encoding="utf-8")))


def test_the_schema_takes_every_default_and_every_file_of_a_secret() -> None:
    assert not problems(tomllib.loads(uncommented(document())))


@pytest.mark.parametrize(
    "toml",
    [
        "[kafka]\ntopc = ['a']",
        "[boards]\ntop = 0",
        "[boards]\ntop = 'many'",
        "[watchlist]\ntracking_window = 'soon'",
        "[watchlist]\ntracking_window = -1",
        "[engagement]\nbearer_token = 'x'",
        "[intake]\nretweets = 'both'",
        "[other]\nx = 1",
    ],
)
def test_the_schema_refuses_what_loading_refuses(toml: str) -> None:
    assert problems(tomllib.loads(toml))


def test_the_schema_is_one_and_describes_every_setting() -> None:
    described = schema()
    jsonschema.Draft202012Validator.check_schema(described)
    window = described["$defs"]["Watchlist"]["properties"]["tracking_window"]
    assert window["default"] == "48h"
    assert window["description"]
    for definition in described["$defs"].values():
        for name, setting in definition["properties"].items():
            assert setting["description"], name


def test_settings_are_shown_as_toml_that_reads_the_same(tmp_path: Path) -> None:
    odd = 'a"b\\c\x7f é😀'
    settings = loaded(INTAKE__TAG_CAMPAIGNS=f"{odd}={odd}", KAFKA__TOPIC="posts", PLANNER__LINGER="1.5s")
    shown = as_toml(masked(settings))
    assert tomllib.loads(shown)["engagement"]["bearer_token"] == MASK
    again = loaded(re.sub(r"(?m)^bearer_token = .*\n", "", shown), tmp_path)
    assert again == settings
