"""Takes the live page's pictures for the docs: ``python -m tests.e2e.screenshots FOLDER``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.e2e.browser import chromium
from tests.unit.publish.http.serving import Worker, entry, leaderboard, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from worker.model import Leaderboard

Colours = Literal["light", "dark"]

POSTS = (
    (
        "northlightband",
        "We said we would never do a reunion tour. Tickets on Friday, at ten. ❄️",
        0,
    ),
    ("ayakamori", "新しいアルバム、今夜公開します。ずっと待っていてくれてありがとう。", 3),
    (
        "rosa_dlv",
        (
            "Third row, front left, and the drummer threw me a stick. I will not be taking questions at this "
            "time, I will be framing it, insuring it and leaving it to my grandchildren. #NorthernTour"
        ),
        -1,
    ),
    (
        "the_setlist",
        "Opening song tonight: one they have not played since 2009. The whole hall lost it.",
        None,
    ),
    ("karim.b", "الصوت الليلة كان لا يصدق", 1),
    (None, None, -2),
    ("venuewatch", "Doors at seven, queue already round the block. Bring a coat and a friend.", 0),
    ("milaonthego", "Drove nine hours. Worth every kilometre.", 12),
    ("gigposters", "New print, edition of 300, and yes it glows in the dark → link in bio", -3),
    ("dadrocksaturdays", "My daughter knew every word. I have never been prouder or felt older.", None),
)


def realistic_board(metric: str = "retweets") -> Leaderboard:
    """A campaign in full swing, measured moments ago."""
    now = time.time()
    entries = [
        entry(
            rank=place,
            post_id=1_991_468_206_332_170_240 + 7919 * place,
            value=round(1_284_310 / place**1.3),
            measured_at=now - 1 - 7.3 * (place % 4),
            change=change,
            author=author,
            text=text,
        )
        for place, (author, text, change) in enumerate(POSTS, start=1)
    ]
    return leaderboard("Northern Tour 2026", metric, entries, as_of=now, tracked_posts=18_412)


def take(browser: Browser, url: str, to: Path, size: tuple[int, int], colours: Colours) -> None:
    """One picture."""
    width, height = size
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=colours,
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        is_mobile=phone,
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("[data-state=live]")
    page.wait_for_selector(".row, #empty:not([hidden])")
    page.screenshot(path=to)
    context.close()


def main() -> None:
    """Take all of them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with serving(Worker()) as served, chromium() as browser:
        take(browser, served.url, folder / "page-empty.png", (390, 844), "light")
        board = realistic_board()
        per_hour = realistic_board("retweets_per_hour")
        served.publish(board, per_hour, leaderboard("all", entries=board.entries, as_of=board.as_of))
        url = f"{served.url}/?campaign=Northern+Tour+2026&metric=retweets"
        for name, size in {"desktop": (1280, 800), "phone": (390, 844), "narrow": (360, 700)}.items():
            take(browser, url, folder / f"page-{name}.png", size, "light")
            take(browser, url, folder / f"page-{name}-dark.png", size, "dark")
        take(browser, f"{url}_per_hour", folder / "page-per-hour.png", (1280, 800), "light")
        take(
            browser, f"{served.url}/?campaign=x&metric=replies", folder / "page-none.png", (1280, 800), "dark"
        )


if __name__ == "__main__":
    main()
