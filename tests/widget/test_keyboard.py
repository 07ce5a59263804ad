"""The keyboard alone does everything, and never loses its place."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from .visitor import DESKTOP, PHONE, QUESTION, Visitor, Visitors

pytestmark = pytest.mark.browser


def test_the_keyboard_alone_opens_asks_chooses_and_closes(visitor: Visitor) -> None:
    keyboard = visitor.page.keyboard
    visitor.launcher.focus()
    keyboard.press("Enter")
    expect(visitor.input).to_be_focused()
    expect(visitor.answers).to_have_count(1)
    keyboard.type(QUESTION)
    with visitor.page.expect_response("**/api/chat"):
        keyboard.press("Enter")
    expect(visitor.answers).to_have_count(2)
    expect(visitor.input).to_be_focused()
    choice = visitor.log.locator(".choices button").last
    for _ in range(12):
        keyboard.press("Shift+Tab")
        if choice.evaluate("node => node.getRootNode().activeElement === node"):
            break
    expect(choice).to_be_focused()
    with visitor.page.expect_response("**/api/chat"):
        keyboard.press("Space")
    expect(visitor.answers).to_have_count(3)
    keyboard.press("Escape")
    expect(visitor.window).to_be_hidden()
    expect(visitor.launcher).to_be_focused()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_tab_stays_in_the_window_and_reaches_everything(
    new_visitor: Visitors, viewport: Any, key: str
) -> None:
    visitor = new_visitor(viewport=viewport)
    visitor.arrives()
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.presses("More")
    stops = "a, button, input, textarea, summary, [role=log]"
    all_stops = visitor.window.locator(stops).filter(visible=True).count()
    seen = set()
    for _ in range(all_stops):
        visitor.page.keyboard.press(key)
        seen.add(
            visitor.chat.evaluate(
                "(chat, stops) => [...chat.shadowRoot.querySelectorAll(stops)]"
                ".indexOf(chat.shadowRoot.activeElement)",
                stops,
            )
        )
    assert -1 not in seen
    assert len(seen) == all_stops


def test_escape_closes_the_menu_first_and_focus_returns_to_what_opened_it(visitor: Visitor) -> None:
    help_button = visitor.chat.get_by_role("button", name="Need help now?")
    help_button.press("Enter")
    visitor.presses("More")
    menu = visitor.window.get_by_role("button", name="Clear this conversation")
    expect(menu).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(visitor.window.get_by_role("button", name="More")).to_be_focused()
    visitor.presses("Close")
    expect(visitor.window).to_be_hidden()
    expect(help_button).to_be_focused()


def test_focus_returns_to_the_button_of_the_page_that_opened_it(visitor: Visitor) -> None:
    visitor.page.evaluate(
        """() => { const own = document.createElement('button'); own.textContent = 'Chat with us';
        own.onclick = () => document.querySelector('clinic-chat').open();
        document.body.prepend(own); }"""
    )
    own = visitor.page.get_by_role("button", name="Chat with us")
    own.press("Enter")
    expect(visitor.input).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(own).to_be_focused()
