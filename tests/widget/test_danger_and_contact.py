"""Help, danger, and the way to a person."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .visitor import DANGER, QUESTION, TO_A_PERSON, Visitor, Visitors, sent

pytestmark = pytest.mark.browser


def test_help_is_one_press_away_before_the_chat_is_opened(visitor: Visitor) -> None:
    visitor.presses("Need help now?", visitor.chat)
    expect(visitor.window).to_be_visible()
    for href in ("tel:911", "tel:988", "sms:988", "tel:4164084357"):
        expect(visitor.lines.locator(f'a[href="{href}"]')).to_be_visible()
    expect(visitor.window.get_by_role("button", name="Need help now?")).to_be_focused()


def test_a_pressed_line_is_counted_without_the_visitor(visitor: Visitor) -> None:
    visitor.presses("Need help now?", visitor.chat)
    with visitor.page.expect_response("**/api/pressed") as response:
        visitor.lines.locator('a[href="sms:988"]').click()
    assert sent(response.value.request) == {"line": "9-8-8 Suicide Crisis Helpline"}
    assert response.value.status == 204


def test_after_danger_the_lines_stay_and_nothing_else_is_offered(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(QUESTION)
    answer = visitor.asks(DANGER)
    assert answer["kind"] == "crisis"
    for line in answer["replies"][0]["helplines"]:
        number = "tel:" + re.sub(r"\D", "", line["call"])
        expect(visitor.answers.last.locator(f'a[href="{number}"]')).to_be_visible()
        expect(visitor.lines.locator(f'a[href="{number}"]')).to_be_visible()
    expect(visitor.window.locator(".choices, .tools")).to_have_count(0)
    visitor.asks(QUESTION)
    expect(visitor.window.locator(".choices, .tools")).to_have_count(0)
    visitor.presses("Need help now?")
    visitor.presses("Need help now?")
    expect(visitor.lines).to_be_visible()
    visitor.page.reload()
    expect(visitor.lines.locator('a[href="tel:988"]')).to_be_visible()
    expect(visitor.window.locator(".choices, .tools")).to_have_count(0)


def test_danger_is_met_even_where_no_model_answers(visitor: Visitor) -> None:
    line = {"name": "A helpline", "call": "416-555-0199", "text": "", "note": ""}
    body = {
        "error": {"code": "no_model", "message": "I cannot answer just now."},
        "session": None,
        "kind": "crisis",
        "replies": [{"text": "Please reach someone now.", "helplines": [line], "pinned": True}],
        "helplines": [line],
    }
    visitor.page.route("**/api/chat", lambda route: route.fulfill(status=503, json=body))
    visitor.opens()
    visitor.types(DANGER)
    expect(visitor.answers.last).to_contain_text("Please reach someone now.")
    expect(visitor.lines.locator('a[href="tel:4165550199"]')).to_be_visible()


def test_the_contact_form_tells_what_is_wrong_keeps_what_was_typed_and_then_sends(
    visitor: Visitor,
) -> None:
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    visitor.fills_in("Do you have time on Mondays?")
    email = visitor.form.get_by_label("E-mail")
    email.fill("ana@@example")
    visitor.presses("Send", visitor.form)
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(email).to_have_accessible_description(re.compile("does not look like an e-mail"))
    expect(email).to_be_focused()
    expect(visitor.form.get_by_role("textbox").last).to_have_value("Do you have time on Mondays?")
    email.fill("ana@example.com")
    with visitor.page.expect_response("**/api/contact") as response:
        visitor.presses("Send", visitor.form)
    assert response.value.status == 201
    expect(visitor.form).to_have_count(0)
    sent = visitor.log.get_by_text(f"Your reference: {response.value.json()['reference']}")
    expect(sent).to_be_visible()


def test_a_form_that_cannot_be_sent_loses_nothing(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    visitor.fills_in("Do you have time on Mondays?")
    visitor.page.route("**/api/contact", lambda route: route.abort())
    visitor.presses("Send", visitor.form)
    expect(visitor.form.get_by_role("alert")).to_have_text("Not sent. Your words are kept here.")
    visitor.page.unroute("**/api/contact")
    visitor.presses("Send", visitor.form)
    expect(visitor.log).to_contain_text("Your reference:")


@pytest.fixture
def held(visitor: Visitor) -> Visitor:
    """A visitor whose message to the clinic shows danger, and waits."""
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    visitor.fills_in(DANGER)
    visitor.presses("Send", visitor.form)
    expect(visitor.log).to_contain_text("Your message has not been sent.")
    expect(visitor.lines.locator('a[href="tel:988"]')).to_be_visible()
    return visitor


def test_a_message_that_shows_danger_waits_and_is_sent_when_the_visitor_says_so(
    held: Visitor,
) -> None:
    expect(held.log.locator(".choices")).to_be_focused()
    with held.page.expect_response("**/api/contact") as response:
        held.presses("Send it anyway")
    assert response.value.status == 201
    assert sent(response.value.request)["message"] == DANGER
    expect(held.form).to_have_count(0)


def test_a_message_sent_anyway_that_gets_lost_waits_in_the_form(held: Visitor) -> None:
    held.page.route("**/api/contact", lambda route: route.abort())
    held.presses("Send it anyway")
    expect(held.form.get_by_role("alert")).to_have_text("Not sent. Your words are kept here.")
    expect(held.log).to_be_focused()
    expect(held.form.get_by_role("textbox").last).to_have_value(DANGER)


def test_the_lines_of_a_held_message_stay_over_a_reload(held: Visitor) -> None:
    held.page.reload()
    expect(held.lines.locator('a[href="tel:911"]')).to_be_visible()
    expect(held.form.get_by_role("textbox").last).to_have_value(DANGER)


def test_a_message_that_shows_danger_can_be_changed(held: Visitor) -> None:
    held.presses("Change it")
    message = held.form.get_by_role("textbox").last
    expect(message).to_be_focused()
    expect(message).to_have_value(DANGER)


def test_a_message_that_shows_danger_can_be_discarded(held: Visitor) -> None:
    held.presses("Discard it")
    expect(held.log).to_contain_text("Discarded. Nothing was sent.")
    expect(held.form).to_have_count(0)


def test_the_contact_page_works_without_scripts(new_visitor: Visitors) -> None:
    visitor = new_visitor(java_script_enabled=False)
    page = visitor.page
    page.goto(visitor.url + "/contact")
    page.get_by_label("Your name").fill("Ana Example")
    page.get_by_label("E-mail").fill("ana@@example")
    page.get_by_role("textbox").last.fill("Do you have time on Mondays?")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Send to the clinic").click()
    email = page.get_by_label("E-mail")
    expect(email).to_have_accessible_description(re.compile("does not look like an e-mail"))
    expect(page.get_by_label("Your name")).to_have_value("Ana Example")
    email.fill("ana@example.com")
    page.get_by_role("textbox").last.fill(DANGER)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Send to the clinic").click()
    expect(page.get_by_role("alert").locator('a[href="tel:988"]')).to_be_visible()
    expect(page.get_by_role("textbox").last).to_have_value(DANGER)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Send it anyway").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your message is with the clinic")
    expect(page.locator(".reference")).not_to_be_empty()
