"""Headless Chromium for tests.

Without it a test is skipped, or fails where ``TOP_TWEETS_TEST_REQUIRE`` has ``browser``.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """Where Debian's Chromium is; skips or fails the test that asks when it is nowhere."""
    path = shutil.which("chromium")
    if path is not None:
        return path
    message = "chromium is missing: apt-get install chromium"
    if "browser" in os.environ.get("TOP_TWEETS_TEST_REQUIRE", "").replace(",", " ").split():
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed at the end. Its thread has an event loop meanwhile: no ``asyncio.run`` beside it."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
