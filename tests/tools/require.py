"""What a machine may lack: such tests are skipped, saying why, unless a run asks for them to fail instead.

``TOP_TWEETS_TEST_REQUIRE`` is a comma list of ``apache``, ``browser``, ``prometheus`` and ``container``.
"""

from __future__ import annotations

import os
from typing import Literal, NoReturn, TypeAlias

import pytest

Part: TypeAlias = Literal["apache", "browser", "prometheus", "container"]


def is_required(part: Part) -> bool:
    """Whether a missing part is a failure on this machine."""
    return part in os.environ.get("TOP_TWEETS_TEST_REQUIRE", "").replace(" ", "").split(",")


def missing(part: Part, reason: str) -> NoReturn:
    """Skip the test for want of a part, or fail it where the part is required."""
    if is_required(part):
        pytest.fail(f"{reason} (TOP_TWEETS_TEST_REQUIRE asks for {part})", pytrace=False)
    pytest.skip(reason)
