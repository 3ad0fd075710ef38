"""The live page in a true browser: what a person sees, does and is protected from."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import chromium
from tests.unit.publish.http.outlooks import outlook, perfect_outlook
from tests.unit.publish.http.serving import Served, Worker, entry, key, leaderboard, serving
from worker.model import HandlesUsed, Missing, Timestamp
from worker.recall import Audited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from worker.model import Leaderboard

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script></p>"><svg onload=window.hit=1>'
LIVE = "Live"
TIMES = "×"  # noqa: RUF001 -- as the page has it
SEES_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error("CSP: " + event.violatedDirective));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Worker()) as running:
        yield running


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in a context of its own, that must leave no error on the console."""
    context: BrowserContext = browser.new_context(locale="en-GB", **options)
    faults: list[str] = []
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.add_init_script(SEES_VIOLATIONS)
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if _is_foreign(request.url) else None)
    try:
        yield page
        assert faults == []
    finally:
        context.close()


def _is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:"))


def race(*post_ids: int, metric: str = "retweets", campaign: str = "all") -> Leaderboard:
    """A board with these Posts, in this order."""
    now = time.time()
    entries = [
        entry(rank, post_id, 50_000 / rank, measured_at=now - 5, author=f"a{post_id}", text=f"Text {post_id}")
        for rank, post_id in enumerate(post_ids, start=1)
    ]
    return leaderboard(campaign, metric, entries, as_of=now, tracked_posts=1234)


def expect_order(page: Page, *post_ids: int) -> None:
    expect(page.locator(".row .author")).to_have_text([f"@a{post_id}" for post_id in post_ids])


def test_a_board_shows_all_that_is_known(browser: Browser, served: Served) -> None:
    now = time.time()
    served.publish(
        leaderboard(
            "Launch",
            entries=[
                entry(1, 7, 1_284_310, measured_at=now - 12, change=3, author="ann", text="Hello"),
                entry(2, 6, 12_345, measured_at=now - 600, change=-1),
                entry(3, 5, 12, measured_at=now, change=None),
                entry(4, 4, 11, measured_at=now, change=0),
            ],
            as_of=now,
            tracked_posts=18_412,
        )
    )
    with opened(browser) as page:
        page.goto(served.url)
        rows = page.locator(".row")
        expect(page).to_have_title("Retweets · Launch · Top Tweets")
        expect(page.get_by_role("heading", level=1)).to_have_text("Most retweets in Launch")
        expect(page.get_by_role("status")).to_have_text(LIVE)
        expect(page.locator("#facts")).to_contain_text("18,412 Posts tracked · as of ")
        expect(rows.locator(".rank")).to_have_text(["1", "2", "3", "4"])
        expect(rows.locator(".move > [aria-hidden]")).to_have_text(["▲ 3", "▼ 1", "new", "="])
        words = ["up 3 places", "down 1 place", "new on this leaderboard", "no change"]
        expect(rows.locator(".move .hush")).to_have_text(words)
        expect(rows.locator(".value")).to_have_text(["1.28m", "12,345", "12", "11"])
        expect(rows.locator(".value").first).to_have_attribute("title", "1,284,310 retweets")
        expect(rows.locator(".text")).to_have_text(["Hello", "Post 6", "Post 5", "Post 4"])
        expect(rows.locator(".measured").nth(0)).to_have_text(re.compile(r"measured 1\d s ago"))
        expect(rows.locator(".measured").nth(1)).to_have_text("measured 10 min ago")
        link = rows.first.get_by_role("link", name="View Post by ann, opens a new tab")
        expect(link).to_have_attribute("href", "https://twitter.com/lookup/status/7")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        expect(link).to_have_attribute("target", "_blank")


def test_the_legend_tells_the_window_that_is_set(browser: Browser) -> None:
    with serving(Worker(change_window=15)) as served, opened(browser) as page:
        page.goto(served.url)
        expect(page.locator("footer p").first).to_have_text("▲ ▼ places since 15 s ago")


def test_accounts_asked_for_this_month_are_told_and_warned_of(browser: Browser) -> None:
    used = HandlesUsed("2026-11", ("acme", "beta"), 2, warning=True)
    with serving(Worker(handles=used)) as served, opened(browser) as page:
        page.goto(served.url)
        line = page.locator("#handles")
        expect(line).to_be_visible()
        expect(line).to_have_text("⚠ 2 of 2 accounts asked for in 2026-11")


def test_how_right_boards_are_is_told_or_that_nobody_knows(browser: Browser, served: Served) -> None:
    shown = race(10**18)
    served.publish(replace(shown, audit=Audited(100, Missing(1.0, 0.1))))
    with opened(browser) as page:
        page.goto(served.url)
        words = "The campaign's boards show about 99% of the right Posts (96% to 100%)"
        expect(page.locator("#audit")).to_have_text(words)
        expect(page.locator("#overall")).to_contain_text("All boards show about 99% of the right Posts")
        served.publish(replace(shown, audit=Audited(100, None), as_of=Timestamp(shown.as_of + 1)))
        unknown = "The campaign's boards: not enough data to say how right they are"
        expect(page.locator("#audit")).to_have_text(unknown)


def test_without_accounts_nothing_is_said_of_them(browser: Browser) -> None:
    with serving(Worker()) as served, opened(browser) as page:
        with page.expect_response("**/api/handles"):
            page.goto(served.url)
        expect(page.locator("#handles")).to_be_hidden()


def test_what_more_requests_would_give_is_drawn_and_told_in_numbers(browser: Browser) -> None:
    worker = Worker(outlook=outlook(at=Timestamp(time.time() - 600)))
    with serving(worker) as served, opened(browser) as page:
        served.publish(race(1))
        page.goto(served.url)
        section = page.get_by_role("complementary", name="What more or fewer requests would give")
        expect(section).to_be_visible()
        expect(section.locator(".told")).to_have_text(
            "Simulated 10 min ago, in 3 worlds like this one: 200,000 Posts, 20 campaigns, the top 50, "
            "scaled down to 10%. Not measured."
        )
        recall, error = (section.locator(f"[data-chart={name}]") for name in ("recall", "error"))
        expect(recall.locator(".budget")).to_have_text([f"{one}{TIMES}" for one in "¼½124"])
        expect(recall.locator(".value")).to_have_text(["88.12%", "95.7%", "99.05%", "99.25%", "100%"])
        expect(error.locator(".value")).to_have_text(["16%", "8%", "4%", "2%", "1%"])
        heights = "(chart) => [...chart.querySelectorAll('.point')].map((each) => +each.getAttribute('cy'))"
        rising, falling = recall.evaluate(heights), error.evaluate(heights)
        assert rising == sorted(rising, reverse=True), "up is less, on a screen"
        assert falling == sorted(falling)
        assert all(0 < height < 150 for height in (*rising, *falling))
        expect(recall.locator(".point.here")).to_have_count(1)
        section.get_by_text("In numbers").click()
        table = section.get_by_role("table", name="What more or fewer requests would give")
        expect(table.get_by_role("row")).to_have_count(6)
        expect(table.get_by_role("row").nth(3)).to_have_attribute("aria-current", "true")
        expect(table.get_by_role("row").nth(3).locator("th, td")).to_have_text(
            [f"1{TIMES}, as it is", "60", "99.05% ± 0.4%", "4% ± 0.4%"]
        )
        expect(table.get_by_role("rowheader").first).to_have_text(f"¼{TIMES}")


def test_where_every_contract_gives_all_recall_is_at_the_top_and_error_on_the_ground(
    browser: Browser,
) -> None:
    with serving(Worker(outlook=perfect_outlook())) as served, opened(browser) as page:
        page.goto(served.url)
        recall, error = (page.locator(f"#outlook [data-chart={name}]") for name in ("recall", "error"))
        expect(recall.locator(".value")).to_have_text(["100%"] * 5)
        heights = "(chart) => [...chart.querySelectorAll('.point')].map((each) => +each.getAttribute('cy'))"
        assert max(recall.evaluate(heights)) < 40, "near the top of 150"
        assert min(error.evaluate(heights)) > 100


def test_without_an_outlook_the_page_has_none(browser: Browser, served: Served) -> None:
    with opened(browser) as page:
        with page.expect_response("**/api/outlook"):
            page.goto(served.url)
        expect(page.locator("#outlook")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_an_outlook_is_readable_on_any_screen(browser: Browser, width: int, colours: str) -> None:
    worker = Worker(outlook=outlook(within=0.2))
    with (
        serving(worker) as served,
        opened(browser, viewport={"width": width, "height": 700}, color_scheme=colours) as page,
    ):
        page.goto(served.url)
        section = page.locator("#outlook")
        section.get_by_text("In numbers").click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        drawn = section.locator("svg").evaluate_all(
            "(charts) => charts.flatMap((chart) => [...chart.querySelectorAll('text')].map((each) => {"
            "  const inner = each.getBoundingClientRect(), outer = chart.getBoundingClientRect();"
            "  return inner.left >= outer.left - 1 && inner.right <= outer.right + 1"
            "    && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;"
            "}))"
        )
        assert drawn == [True] * 20
        ink, ground = (
            section.evaluate(f"(one) => getComputedStyle(one.querySelector('{part}')).{what}")
            for part, what in ((".value.here", "fill"), (".point:not(.here)", "fill"))
        )
        dark = colours == "dark"
        assert (ink, ground) == (
            ("rgb(236, 239, 244)", "rgb(22, 26, 33)") if dark else ("rgb(20, 24, 31)", "rgb(255, 255, 255)")
        )


def test_while_no_earlier_places_are_known_nobody_is_said_to_be_new(browser: Browser, served: Served) -> None:
    served.publish(leaderboard("Launch", entries=[entry(1, 2, change=None), entry(2, 1, change=None)]))
    with opened(browser) as page:
        page.goto(served.url)
        rows = page.locator(".row")
        expect(rows.locator(".move > [aria-hidden]")).to_have_text(["–", "–"])  # noqa: RUF001 -- as the page has it
        expect(rows.locator(".move .hush")).to_have_text(["earlier place not known yet"] * 2)


def test_a_metric_that_will_never_come_is_no_outage(browser: Browser, served: Served) -> None:
    served.publish(race(1))
    context = browser.new_context()  # a refused stream is an error on the console, and rightly
    page = context.new_page()
    page.goto(f"{served.url}/?campaign=Launch&metric=fame")
    expect(page.locator("#empty")).to_contain_text("There is no leaderboard of fame")
    expect(page.get_by_role("status")).to_have_text("Refreshed every few seconds")
    context.close()


def test_ages_grow_by_themselves(browser: Browser, served: Served) -> None:
    served.publish(race(1))
    with opened(browser) as page:
        page.goto(served.url)
        age = page.locator(".row time")
        first = age.text_content()
        expect(age).not_to_have_text(first or "")
        expect(age).to_have_text(re.compile(r"\d+ s ago"))


def test_rows_move_when_ranks_change(browser: Browser, served: Served) -> None:
    served.publish(race(1, 2, 3))
    with opened(browser) as page:
        page.goto(served.url)
        expect_order(page, 1, 2, 3)
        page.evaluate("window.first = document.querySelector('.row')")
        page.get_by_role("link", name="View Post by a1, ").focus()
        served.publish(race(3, 1, 4))
        expect_order(page, 3, 1, 4)
        moved = "document.querySelectorAll('.row')[1] === window.first"
        assert page.evaluate(moved), "the row of a Post stays the row of that Post"
        expect(page.get_by_role("link", name="View Post by a1, ")).to_be_focused()


@pytest.mark.parametrize(("motion", "animated"), [("no-preference", True), ("reduce", False)])
def test_movement_is_smooth_unless_the_reader_wants_none(
    browser: Browser,
    served: Served,
    motion: str,
    animated: bool,
) -> None:
    served.publish(race(1, 2))
    with opened(browser, reduced_motion=motion) as page:
        page.add_init_script(
            "const animate = Element.prototype.animate; window.animated = 0;"
            "Element.prototype.animate = function (...how) {"
            "  window.animated++; return animate.apply(this, how) }"
        )
        page.goto(served.url)
        expect_order(page, 1, 2)
        served.publish(race(2, 1))
        expect_order(page, 2, 1)
        assert (page.evaluate("window.animated") > 0) is animated


def test_a_board_is_chosen_by_keyboard_shared_by_address_and_left_by_back(
    browser: Browser, served: Served
) -> None:
    served.publish(race(1), race(2, campaign="Tour #1 / été"), race(3, metric="replies"))
    with opened(browser) as page:
        page.goto(served.url)
        expect_order(page, 1)
        page.keyboard.press("Tab")
        expect(page.get_by_label("Campaign")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect_order(page, 2)
        page.keyboard.press("Tab")
        expect(page.get_by_label("Metric")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="View Post by a2")).to_be_focused()
        with opened(browser) as other:
            other.goto(page.url)
            expect_order(other, 2)
            expect(other.get_by_label("Campaign")).to_have_value("Tour #1 / été")
        page.get_by_label("Campaign").select_option("all")
        page.get_by_label("Metric").select_option("replies")
        expect_order(page, 3)
        page.go_back()
        expect_order(page, 1)
        page.go_back()
        expect_order(page, 2)
        expect(page).to_have_title("Retweets · Tour #1 / été · Top Tweets")
        page.go_back()
        expect_order(page, 1)
        page.go_forward()
        expect(page.get_by_label("Campaign")).to_have_value("Tour #1 / été")


def test_what_others_wrote_stays_text(browser: Browser, served: Served) -> None:
    hostile = entry(author=HOSTILE, text=HOSTILE)
    served.publish(leaderboard(HOSTILE, entries=[hostile]))
    with opened(browser) as page:
        page.goto(served.url)
        expect(page.locator(".text")).to_have_text(HOSTILE)
        expect(page.locator(".author")).to_have_text(f"@{HOSTILE}")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Most retweets in {HOSTILE}")
        assert page.evaluate("window.hit") is None
        assert page.locator("main img, main svg, main script").count() == 0


def test_before_the_first_board_the_page_says_what_will_happen(browser: Browser, served: Served) -> None:
    with opened(browser) as page:
        page.goto(served.url)
        expect(page.locator("#empty")).to_contain_text("There are no leaderboards yet.")
        expect(page.get_by_label("Campaign")).to_be_disabled()


def test_a_board_with_nobody_on_it_says_so_until_somebody_is(browser: Browser, served: Served) -> None:
    served.publish(leaderboard(tracked_posts=3))
    with opened(browser) as page:
        page.goto(served.url)
        expect(page.locator("#empty")).to_contain_text("Nobody is on this leaderboard yet.")
        expect(page.locator("#empty")).to_contain_text("3 Posts are tracked")
        served.publish(race(1))
        expect_order(page, 1)
        expect(page.locator("#empty")).to_be_hidden()


def test_a_board_that_is_not_there_yet_comes_by_itself_and_can_go_again(
    browser: Browser, served: Served
) -> None:
    served.publish(race(1))
    with opened(browser) as page:
        page.goto(f"{served.url}/?campaign=Later&metric=retweets")
        expect(page.locator("#empty")).to_contain_text("There is no leaderboard of retweets for “Later”.")
        served.publish(race(2, campaign="Later"))
        expect_order(page, 2)
        served.withdraw(key("Later"))
        expect(page.locator("#empty")).to_contain_text("There is no leaderboard of retweets for “Later”.")


def test_a_long_board_is_shown_in_part(browser: Browser, served: Served) -> None:
    served.publish(race(*range(1, 251)))
    with opened(browser) as page:
        page.goto(served.url)
        expect(page.locator(".row")).to_have_count(100)
        expect(page.locator("#more")).to_have_text("The first 100 of 250; the API has them all.")


def test_without_a_free_stream_the_page_asks_now_and_then(browser: Browser) -> None:
    with serving(Worker(max_streams=1)) as served, opened(browser) as first:
        served.publish(race(1))
        first.goto(served.url)
        expect_order(first, 1)
        context = browser.new_context()  # a refused stream is an error on the console, and rightly
        try:
            second = context.new_page()
            second.goto(served.url)
            expect(second.get_by_role("status")).to_have_text("Refreshed every few seconds")
            expect_order(second, 1)
            served.publish(race(2, 1))
            expect(second.locator(".row .author").first).to_have_text("@a2", timeout=15_000)
        finally:
            context.close()


def test_a_worker_that_restarts_is_found_again(browser: Browser) -> None:
    context = browser.new_context()  # errors on the console are right here: nobody answers for a while
    page = context.new_page()
    try:
        with serving(Worker()) as served:
            served.publish(race(1))
            page.goto(served.url)
            expect(page.get_by_role("status")).to_have_text(LIVE)
            port = served.server.port
        expect(page.get_by_role("status")).to_have_text("Reconnecting", timeout=15_000)
        expect_order(page, 1)
        with serving(Worker(), port=port) as served:
            served.publish(race(2, 1))
            expect(page.get_by_role("status")).to_have_text(LIVE, timeout=15_000)
            expect_order(page, 2, 1)
            context.close()
    finally:
        context.close()


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1280])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(browser: Browser, served: Served, width: int, colours: str) -> None:
    unbroken = entry(
        1, 2**63 - 1, 9.9e14, author="w" * 60, text="https://example.org/" + "w" * 260, change=-999
    )
    served.publish(leaderboard("W" * 100, "favorites_per_hour", [unbroken], tracked_posts=10**9))
    with opened(browser, viewport={"width": width, "height": 700}, color_scheme=colours) as page:
        page.goto(served.url)
        expect(page.locator(".row")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        overflowing = page.evaluate(
            "[...document.querySelectorAll('body *:not(.hush, option)')].filter("
            "(each) => each.getBoundingClientRect().right > innerWidth + 0.5).map((each) => each.className)"
        )
        assert overflowing == []
