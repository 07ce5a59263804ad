"""Every state for everyone: by axe, and drawn into artifacts/ for a person to look at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from .visitor import (
    ANOTHER,
    ARTIFACTS,
    DANGER,
    DESKTOP,
    HOST,
    PHONE,
    QUESTION,
    SMALLEST,
    STRICT,
    TO_A_PERSON,
    Visitor,
    Visitors,
    first_line,
    host_page,
)

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["phone", "desktop"])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def check(visitor: Visitor, state: str) -> None:
    """No violation, nothing wider than the screen; and a picture."""
    ARTIFACTS.mkdir(exist_ok=True)
    visitor.page.screenshot(path=ARTIFACTS / f"{state}.png")
    wide = visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    results = Axe().run(visitor.page)
    assert not wide, state
    violations = [
        (violation["id"], [node["target"] for node in violation["nodes"]])
        for violation in results.response["violations"]
    ]
    assert violations == [], state


def test_every_state_has_no_violation(new_visitor: Visitors, device: str, scheme: str) -> None:
    phone = device == "phone"
    visitor = new_visitor(
        viewport=PHONE if phone else DESKTOP, color_scheme=scheme, has_touch=phone, is_mobile=phone
    )

    def state(name: str) -> None:
        check(visitor, f"{name}-{device}-{scheme}")

    visitor.arrives()
    state("01-closed")
    visitor.opens()
    state("02-opening")
    visitor.presses("Need help now?")
    state("03-help")
    visitor.presses("Need help now?")
    visitor.presses("More")
    state("04-menu")
    visitor.presses("More")
    visitor.asks(QUESTION)
    state("05-answer")
    visitor.log.get_by_text("Where does this come from?").click()
    visitor.log.get_by_role("button", name="This did not help").click()
    expect(visitor.log).to_contain_text("What was wrong with it?")
    state("06-sources-and-reasons")
    visitor.input.fill("x" * 2010)
    state("07-too-long")
    visitor.page.context.set_offline(True)
    visitor.types(QUESTION)
    expect(visitor.log).to_contain_text("Not sent yet.")
    state("08-offline")
    visitor.page.context.set_offline(False)
    expect(visitor.log.get_by_text("Not sent yet.")).to_have_count(0)
    waiting: list[Route] = []
    visitor.page.route("**/api/chat", lambda route: waiting.append(route))
    visitor.types(ANOTHER)
    expect(visitor.window.locator(".typing")).not_to_be_empty()
    state("09-typing")
    waiting[0].continue_()
    visitor.page.unroute("**/api/chat")
    expect(visitor.window.locator(".typing")).to_be_empty()
    visitor.asks(TO_A_PERSON)
    state("10-form")
    visitor.presses("Send", visitor.form)
    expect(visitor.form.locator("[aria-invalid=true]")).not_to_have_count(0)
    state("11-form-errors")
    visitor.fills_in(DANGER)
    visitor.presses("Send", visitor.form)
    expect(visitor.log).to_contain_text("Your message has not been sent.")
    state("12-form-held")
    visitor.presses("Send it anyway")
    expect(visitor.log).to_contain_text("Your reference:")
    state("13-form-sent")
    visitor.asks(DANGER)
    state("14-danger")
    visitor.presses("More")
    visitor.presses("Clear this conversation")
    expect(visitor.log).to_contain_text("The conversation is erased")
    state("15-cleared")


def test_the_pages_without_scripts_have_no_violation(
    new_visitor: Visitors, device: str, scheme: str
) -> None:
    visitor = new_visitor(viewport=PHONE if device == "phone" else DESKTOP, color_scheme=scheme)
    visitor.page.route("**/widget.js", lambda route: route.abort())
    for path in ("", "faq", "contact", "privacy"):
        visitor.page.goto(f"{visitor.url}/{path}")
        check(visitor, f"page-{path or 'home'}-{device}-{scheme}")


STATES: dict[str, dict[str, Any]] = {
    "smallest": {"viewport": SMALLEST},
    "smallest-lying": {"viewport": {"width": 568, "height": 320}},
    "forced-colors-light": {"forced_colors": "active"},
    "forced-colors-dark": {"forced_colors": "active", "color_scheme": "dark"},
}


@pytest.mark.parametrize("options", STATES.values(), ids=STATES.keys())
def test_it_fits_small_screens_and_forced_colours(
    new_visitor: Visitors, options: Any, request: pytest.FixtureRequest
) -> None:
    visitor = new_visitor(**options)
    name = request.node.callspec.id
    visitor.arrives()
    check(visitor, f"{name}-closed")
    visitor.opens()
    visitor.asks(QUESTION)
    check(visitor, f"{name}-answer")
    visitor.asks(DANGER)
    check(visitor, f"{name}-danger")
    assert visitor.log.evaluate("log => log.scrollWidth <= log.clientWidth")
    expect(visitor.input).to_be_in_viewport(ratio=1)


def test_text_of_twice_the_size_fits(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("Page.enable")
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
    visitor.arrives()
    visitor.opens()
    size = visitor.answers.locator("p").first.evaluate("node => getComputedStyle(node).fontSize")
    assert size == "32px"
    visitor.asks(QUESTION)
    check(visitor, "twice-the-text")
    expect(visitor.window).to_be_in_viewport(ratio=1)
    assert visitor.log.evaluate("log => log.scrollWidth <= log.clientWidth")


def test_on_a_page_that_runs_right_to_left_it_stands_on_the_other_side(
    new_visitor: Visitors,
) -> None:
    visitor = new_visitor()
    host_page(visitor, STRICT.format(url=visitor.url), tag="dir=rtl")
    visitor.page.goto(HOST)
    visitor.opens()
    visitor.asks(QUESTION)
    box = visitor.window.bounding_box()
    assert box is not None
    assert box["x"] < 40
    visitor.page.screenshot(path=ARTIFACTS / "right-to-left.png")


def test_nothing_moves_for_those_who_ask_for_that(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    visitor.arrives()
    visitor.opens()
    style = "node => [getComputedStyle(node).scrollBehavior, getComputedStyle(node).animationName]"
    assert visitor.log.evaluate(style)[0] == "auto"
    assert visitor.window.locator(".typing").evaluate(style)[1] == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_button_is_large_enough_for_a_thumb(new_visitor: Visitors, scheme: str) -> None:
    visitor = new_visitor(viewport=PHONE, color_scheme=scheme)
    visitor.arrives()
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.presses("Need help now?")
    sizes = visitor.chat.evaluate(
        """chat => [...chat.shadowRoot.querySelectorAll('button, .ways a')]
        .map(node => node.getBoundingClientRect()).filter(box => box.width)
        .map(box => [box.width, box.height])"""
    )
    assert all(width >= 44 and height >= 44 for width, height in sizes)


def test_the_faq_page_gives_the_assistants_own_answers(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    visitor.page.goto(f"{visitor.url}/faq#{answer['topic']}")
    article = visitor.page.locator(f'[id="{answer["topic"]}"]')
    expect(article).to_be_in_viewport()
    expect(article).to_contain_text(first_line(answer["replies"][0]["text"]))
    data = visitor.page.locator('script[type="application/ld+json"]').text_content()
    assert json.loads(data or "")["@type"] == "FAQPage"


@pytest.mark.parametrize(("width", "height"), [(320, 256), (640, 360), (640, 450)])
def test_in_a_low_window_help_is_in_sight(new_visitor: Visitors, width: int, height: int) -> None:
    """A phone on its side; a desktop at 200 and 400%."""
    visitor = new_visitor(viewport={"width": width, "height": height})
    visitor.arrives()
    visitor.opens()
    visitor.asks(DANGER)
    expect(visitor.answers.last.locator("p").first).to_be_in_viewport(ratio=0.3)
    visitor.presses("Need help now?")
    expect(visitor.lines.locator("b").first).to_be_in_viewport()
    expect(visitor.input).to_be_in_viewport(ratio=1)
