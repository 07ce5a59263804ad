"""Opening the window, asking, and what comes with an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from .visitor import (
    DESKTOP,
    HOST,
    QUESTION,
    STRICT,
    Visitor,
    Visitors,
    answers,
    first_line,
    host_page,
    sent,
)

pytestmark = pytest.mark.browser


def test_the_opening_says_what_it_is_and_offers_four_topics(visitor: Visitor) -> None:
    visitor.opens()
    opening = visitor.page.evaluate("fetch('/api/opening').then(answer => answer.json())")
    expect(visitor.answers).to_have_count(1)
    expect(visitor.answers).to_contain_text(first_line(opening["opening"]))
    buttons = visitor.answers.locator(".choices button")
    expect(buttons).to_have_text([choice["title"] for choice in opening["choices"]])
    assert buttons.count() == 4
    expect(visitor.window).to_have_accessible_name(opening["clinic"])


def test_a_question_is_answered_and_the_answer_is_announced_once(visitor: Visitor) -> None:
    visitor.opens()
    expect(visitor.log).to_have_attribute("aria-live", "polite")
    visitor.log.evaluate(
        """log => { window.added = []; new MutationObserver(all => all.forEach(change =>
        change.addedNodes.forEach(node => window.added.push(node.innerText)))).observe(
        log, {childList: true, subtree: true, characterData: true}); }"""
    )
    answer = visitor.asks(QUESTION)
    added = visitor.page.evaluate("window.added")
    assert len(added) == 2
    assert QUESTION in added[0]
    assert first_line(answer["replies"][0]["text"]) in added[1]


def test_a_choice_is_asked_in_the_visitors_name(visitor: Visitor) -> None:
    visitor.opens()
    button = visitor.answers.locator(".choices button").nth(1)
    title = button.inner_text()
    with visitor.page.expect_request("**/api/chat") as request:
        button.click()
    assert sent(request.value)["choice"].startswith("faq/")
    expect(visitor.log.locator(".you")).to_contain_text(title)
    expect(visitor.answers).to_have_count(2)
    expect(visitor.input).to_be_focused()


def test_an_answer_tells_on_demand_where_it_comes_from(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    source = visitor.log.get_by_text(answer["replies"][0]["sources"][0], exact=True)
    expect(source).to_be_hidden()
    visitor.log.get_by_text("Where does this come from?").click()
    expect(source).to_be_visible()


def test_a_visitor_says_that_an_answer_did_not_help_and_why(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    down = visitor.log.get_by_role("button", name="This did not help")
    with visitor.page.expect_response("**/api/feedback") as first:
        down.click()
    assert first.value.status == 204
    expect(down).to_have_attribute("aria-pressed", "true")
    with visitor.page.expect_response("**/api/feedback") as second:
        visitor.presses("Hard to understand")
    assert second.value.status == 204
    assert second.value.request.post_data_json == {
        "session": answer["session"],
        "key": answer["replies"][0]["key"],
        "helpful": False,
        "reason": "Hard to understand",
    }
    expect(visitor.log).to_contain_text("Thank you.")
    expect(down).to_be_focused()


def test_feedback_that_does_not_arrive_is_not_shown_as_given(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.page.route("**/api/feedback", lambda route: route.abort())
    up = visitor.log.get_by_role("button", name="This helped")
    up.click()
    expect(visitor.log.get_by_text("Not sent.")).to_be_visible()
    expect(up).to_have_attribute("aria-pressed", "false")


def test_an_answer_can_be_copied(new_visitor: Visitors) -> None:
    visitor = new_visitor(permissions=["clipboard-read", "clipboard-write"])
    visitor.arrives()
    visitor.opens()
    answer = visitor.asks(QUESTION)
    visitor.presses("Copy")
    expect(visitor.log).to_contain_text("Copied.")
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == answer["replies"][0]["text"]


def test_the_conversation_can_be_saved(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    visitor.presses("More")
    with visitor.page.expect_download() as download:
        visitor.presses("Save this conversation")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert f"You: {QUESTION}" in re.sub(r"\s+", " ", saved)
    assert first_line(answer["replies"][0]["text"]) in saved


def test_what_a_server_or_a_visitor_says_is_text_and_only_the_assistant_gives_links(
    visitor: Visitor,
) -> None:
    hostile = '<img src=x onerror="document.title=1"> https://example.org/a?b=1.'
    visitor.page.route(
        "**/api/chat", lambda route: answers(route, reply={"text": f"{hostile}\n\n- a\n- b"})
    )
    visitor.opens()
    visitor.types(f"{hostile} javascript:alert(1)")
    expect(visitor.answers.last).to_contain_text("<img src=x")
    expect(visitor.log.locator("img")).to_have_count(0)
    expect(visitor.log.locator(".you a")).to_have_count(0)
    link = visitor.answers.last.get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/a?b=1")
    expect(visitor.answers.last.get_by_role("listitem")).to_have_text(["a", "b"])


def test_enter_sends_and_shift_enter_begins_a_line(visitor: Visitor) -> None:
    visitor.opens()
    visitor.input.press_sequentially("what is")
    visitor.input.press("Shift+Enter")
    visitor.input.press_sequentially("relational therapy?")
    expect(visitor.input).to_have_value("what is\nrelational therapy?")
    with visitor.page.expect_request("**/api/chat") as request:
        visitor.input.press("Enter")
    assert sent(request.value)["text"] == "what is\nrelational therapy?"
    expect(visitor.input).to_have_value("")


def test_an_empty_message_is_not_sent(visitor: Visitor) -> None:
    visitor.opens()
    visitor.types("   ")
    visitor.presses("Send")
    expect(visitor.log.locator(".you")).to_have_count(0)
    expect(visitor.input).to_be_focused()


def test_near_the_limit_the_characters_left_are_told_and_over_it_nothing_is_cut_off(
    visitor: Visitor,
) -> None:
    visitor.opens()
    count = visitor.window.locator("#count")
    visitor.input.fill("x" * 1800)
    expect(count).to_be_hidden()
    visitor.input.fill("é😊" * 990)
    expect(count).to_have_text("20 characters left")
    visitor.types("x" * 2003)
    expect(count).to_have_text("3 characters too many")
    expect(visitor.input).to_have_attribute("aria-invalid", "true")
    expect(visitor.input).to_have_value("x" * 2003)
    expect(visitor.log.locator(".you")).to_have_count(0)


def test_a_host_page_hears_of_what_happens(visitor: Visitor) -> None:
    visitor.chat.evaluate(
        """chat => { window.heard = [];
        for (const name of ['open', 'close', 'answer', 'contact-sent', 'help-shown'])
        chat.addEventListener(name, event => heard.push([name, event.detail])); }"""
    )
    visitor.opens()
    answer = visitor.asks(QUESTION)
    visitor.presses("Need help now?")
    visitor.presses("Close")
    assert visitor.page.evaluate("window.heard") == [
        ["open", None],
        ["answer", {"topic": answer["topic"], "kind": answer["kind"]}],
        ["help-shown", {"why": "asked"}],
        ["close", None],
    ]


def test_title_side_and_language_are_attributes(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    url = visitor.url
    element = f'<clinic-chat title="Ask Ana" position="start" language="fr" server="{url}">'
    host_page(visitor, STRICT.format(url=url), f"{element}</clinic-chat>")
    visitor.page.goto(HOST)
    visitor.launcher = visitor.chat.get_by_role("button", name="Poser une question")
    expect(visitor.chat).to_have_count(1)
    box = visitor.launcher.bounding_box()
    assert box is not None
    assert box["x"] < DESKTOP["width"] / 2
    visitor.launcher.click()
    expect(visitor.window).to_have_accessible_name("Ask Ana")
    expect(visitor.window.get_by_role("textbox", name="Votre question")).to_be_visible()


def test_help_does_not_wait_for_the_labels_of_a_language(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    waiting: list[Route] = []
    visitor.page.context.route("**/labels.fr.json", lambda route: waiting.append(route))
    element = f'<clinic-chat language="fr" server="{visitor.url}"></clinic-chat>'
    host_page(visitor, STRICT.format(url=visitor.url), element)
    visitor.page.goto(HOST)
    expect(visitor.chat.get_by_role("button", name="Need help now?")).to_be_visible()
    visitor.page.wait_for_timeout(100)
    waiting[0].continue_()
    expect(visitor.chat.get_by_role("button", name="Poser une question")).to_have_count(1)
    expect(visitor.chat.get_by_role("button", name="Need help now?")).to_have_count(0)


def test_long_numbers_wrap_and_each_script_runs_its_own_way(new_visitor: Visitors) -> None:
    visitor = new_visitor(viewport={"width": 320, "height": 568})
    visitor.arrives()
    visitor.opens()
    visitor.page.route("**/api/chat", lambda route: answers(route, reply={"text": "7" * 120}))
    visitor.asks("1234567890" * 20)
    assert visitor.log.evaluate("log => log.scrollWidth <= log.clientWidth")
    visitor.types("ما هو العلاج؟")
    arabic = visitor.log.locator(".you p").last
    expect(arabic).to_have_css("direction", "rtl")
