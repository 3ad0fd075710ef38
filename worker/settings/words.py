"""What is wrong with a value, in words that say what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS: Final = {
    "greater_than_equal": "it must be at least {ge}{unit}",
    "greater_than": "it must be more than {gt}{unit}",
    "less_than_equal": "it must be at most {le}{unit}",
    "less_than": "it must be less than {lt}{unit}",
    "finite_number": "it must be a finite number",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "it must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "it must be true or false"),
    "int_parsing_size": "it has too many digits",
    "string_type": "it must be text",
    "path_type": "it must be the path of a file",
    "dict_type": "it must be a table of names and values",
    "list_type": "it must be a list",
    "literal_error": "it must be {expected}",
    "too_short": "give at least {min_length}",
    "string_too_short": "it must not be empty",
    "string_pattern_mismatch": "it must match {pattern}",
}
"""By pydantic's type of error; what it says of each itself names neither a unit nor a mend."""


def in_words(error: ErrorDetails, *, seconds: bool = False) -> str:
    """What would be right instead of a value. ``seconds``: the bounds of it are such."""
    words = _WORDS.get(error["type"])
    if words is None:
        return error["msg"].removeprefix("Value error, ")
    bounds = {name: str(bound).removesuffix(".0") for name, bound in error.get("ctx", {}).items()}
    return words.format_map({"unit": " s" if seconds else "", **bounds})
