"""What would be right instead of a value, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from worker.settings.words import in_words


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (Annotated[int, Field(ge=1)], 0, "it must be at least 1"),
        (Annotated[float, Field(gt=0)], -1, "it must be more than 0"),
        (Annotated[float, Field(le=0.5)], 2, "it must be at most 0.5"),
        (Annotated[float, Field(lt=1)], 1, "it must be less than 1"),
        (Annotated[float, Field(allow_inf_nan=False)], "inf", "it must be a finite number"),
        (int, "x", "it must be a whole number"),
        (int, 1.5, "it must be a whole number"),
        (float, "x", "it must be a number"),
        (bool, "perhaps", "it must be true or false"),
        (int, "9" * 5000, "it has too many digits"),
        (str, 1, "it must be text"),
        (Path, 1, "it must be the path of a file"),
        (dict[str, int], 1, "it must be a table of names and values"),
        (list[int], 1, "it must be a list"),
        (Literal["a", "b"], "c", "it must be 'a' or 'b'"),
        (Annotated[list[int], Field(min_length=1)], [], "give at least 1"),
        (Annotated[str, Field(min_length=1)], "", "it must not be empty"),
        (Annotated[str, Field(pattern="^[a-z]+$")], "A", "it must match ^[a-z]+$"),
    ],
)
def test_a_fault_says_what_would_be_right(kind: Any, given: object, words: str) -> None:
    assert in_words(_fault(kind, given)) == words


def test_a_bound_of_a_duration_has_its_unit() -> None:
    assert in_words(_fault(Annotated[float, Field(le=0.5)], 2), seconds=True) == "it must be at most 0.5 s"


def test_what_has_no_words_of_its_own_is_told_as_it_is() -> None:
    assert in_words(_fault(bytes, 5)) == "Input should be a valid bytes"


def _fault(kind: Any, given: object) -> Any:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(given)
    return raised.value.errors()[0]
