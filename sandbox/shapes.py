"""The shapes in which the API was seen to say one and the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sandbox.groupings import texts
from sandbox.messages import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.messages import Answer
    from sandbox.world import IntArray


class Shapes(BaseModel):
    """Which shape is in force.

    `forbidden`: Posts of others are named together (`tweets`) or by author (`authors`). `forbidden_status`:
    403, or 200 with `errors` alone. `integer_ids`: lists of IDs beside the data hold numbers. `errors`: a
    list of strings, a list of objects with `message`, or one bare string.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    forbidden: Literal["tweets", "authors"] = "tweets"
    forbidden_status: Literal[403, 200] = 403
    integer_ids: bool = False
    errors: Literal["strings", "objects", "string"] = "strings"


def id_list(post_ids: IntArray, shapes: Shapes) -> Sequence[str | int]:
    """IDs as a list beside the data holds them."""
    numbers: list[int] = post_ids.tolist()
    return numbers if shapes.integer_ids else texts(post_ids)


def forbidden_posts(post_ids: IntArray, authors: IntArray, shapes: Shapes) -> Answer:
    """The answer to a request for these Posts, none of which is the caller's."""
    if shapes.forbidden == "tweets":
        told = [f"Forbidden to access tweets: {', '.join(texts(post_ids))}"]
    else:
        told = [
            f"Forbidden to access tweets for author id {author}: {', '.join(texts(post_ids[theirs]))}"
            for author, theirs in ((author, authors == author) for author in np.unique(authors).tolist())
        ]
    return errors(shapes.forbidden_status, *told)


def errors_shaped(content: object, shapes: Shapes) -> object:
    """An answer's JSON with its ``errors``, where it has a list of texts, in the shape in force."""
    if shapes.errors == "strings" or not isinstance(content, dict) or "errors" not in content:
        return content
    told = [text if isinstance(text, str) else text["message"] for text in content["errors"]]
    shaped = [{"message": text} for text in told] if shapes.errors == "objects" else "; ".join(told)
    return {**content, "errors": shaped}
