"""What is kept, and how it is cleared."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from .visitor import ANOTHER, QUESTION, TO_A_PERSON, Visitor, Visitors, answers, first_line

pytestmark = pytest.mark.browser

NOTHING = "[{}, {}]"


def test_the_conversation_is_there_after_a_reload_and_on_the_next_page(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    for path in ("/", "/privacy"):
        visitor.arrives(path)
        expect(visitor.log.locator(".you")).to_contain_text(QUESTION)
        expect(visitor.answers.last).to_contain_text(first_line(answer["replies"][0]["text"]))
        expect(visitor.page.locator("body")).to_be_focused()
    assert visitor.asks(ANOTHER)["session"] == answer["session"]


def test_a_conversation_that_the_server_does_not_know_begins_anew(visitor: Visitor) -> None:
    visitor.page.evaluate("localStorage['clinic-chat'] = JSON.stringify({session: 'forged'})")
    visitor.page.reload()
    visitor.opens()
    expect(visitor.answers).to_have_count(1)
    assert visitor.asks(QUESTION)["session"] != "forged"


def test_clearing_erases_here_and_on_the_server_and_says_so(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(QUESTION)
    token = visitor.token()
    visitor.presses("More")
    visitor.presses("Clear this conversation")
    expect(visitor.log).to_contain_text(
        re.compile("The conversation is erased, here and on the clinic.s server.")
    )
    expect(visitor.log.locator(".you")).to_have_count(0)
    assert token not in visitor.memory()
    erased(visitor, token)


def erased(visitor: Visitor, token: str) -> None:
    """Waits until the server has nothing of a conversation."""
    assert visitor.page.evaluate(
        """async token => {
        for (let tries = 0; tries < 100; tries++) {
          const kept = await (await fetch('/api/session?session=' + token)).json();
          if (!kept.messages?.length) return true;
          await new Promise(after => setTimeout(after, 100));
        }
        return false; }""",
        token,
    )


def test_clearing_tells_the_truth_when_the_server_is_not_there(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.page.route("**/api/session", lambda route: route.abort())
    visitor.presses("More")
    visitor.presses("Clear this conversation")
    expect(visitor.log).to_contain_text("could not be reached and still has it")
    visitor.page.unroute("**/api/session")
    visitor.presses("Try again")
    expect(visitor.log).to_contain_text("The conversation is erased")


def test_an_answer_that_comes_after_clearing_is_not_shown(visitor: Visitor) -> None:
    visitor.opens()
    waiting: list[Route] = []
    visitor.page.route("**/api/chat", lambda route: waiting.append(route))
    with visitor.page.expect_request("**/api/chat"):
        visitor.types(QUESTION)
    visitor.presses("More")
    visitor.presses("Clear this conversation")
    expect(visitor.log).to_contain_text("The conversation is erased")
    with visitor.page.expect_request(lambda request: request.method == "DELETE") as erasing:
        answers(waiting[0])
    assert erasing.value.post_data_json == {"session": "x"}
    visitor.page.unroute("**/api/chat")
    expect(visitor.log.get_by_text("An answer.")).to_have_count(0)
    visitor.asks(ANOTHER)


def test_two_windows_show_one_conversation_and_clearing_one_clears_both(
    new_visitor: Visitors,
) -> None:
    here = new_visitor()
    there = new_visitor(here.page.context)
    for window in (here, there):
        window.arrives()
        window.opens()
    here.asks(QUESTION)
    expect(there.log.locator(".you")).to_contain_text(QUESTION)
    there.asks(ANOTHER)
    expect(here.log.locator(".you")).to_have_count(2)
    here.presses("More")
    here.presses("Clear this conversation")
    expect(there.log).to_contain_text("The conversation is erased")
    expect(there.log.locator(".you")).to_have_count(0)


def a_form_and_a_second_window(new_visitor: Visitors) -> tuple[Visitor, Visitor]:
    here = new_visitor()
    here.arrives()
    here.opens()
    here.asks(TO_A_PERSON)
    here.fills_in("Do you have time on Mondays?")
    there = new_visitor(here.page.context)
    there.arrives()
    there.opens()
    return here, there


def test_a_form_that_is_being_filled_in_stays_when_another_window_goes_on(
    new_visitor: Visitors,
) -> None:
    here, there = a_form_and_a_second_window(new_visitor)
    there.asks(ANOTHER)
    expect(here.form.get_by_role("textbox").last).to_have_value("Do you have time on Mondays?")


def test_a_half_filled_form_is_there_after_a_reload_until_it_is_sent(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    visitor.fills_in("Do you have time on Mondays?")
    visitor.page.reload()
    expect(visitor.form.get_by_label("Your name")).to_have_value("Ana Example")
    expect(visitor.form.get_by_label("E-mail")).to_have_value("ana@example.com")
    expect(visitor.form.get_by_role("textbox").last).to_have_value("Do you have time on Mondays?")
    expect(visitor.form.get_by_role("checkbox")).to_be_checked()
    visitor.presses("Send", visitor.form)
    expect(visitor.log).to_contain_text("Your reference:")
    assert "Ana" not in visitor.memory()
    visitor.page.reload()
    expect(visitor.answers.last).to_contain_text("reference")
    expect(visitor.form).to_have_count(0)


def test_on_a_shared_computer_nothing_is_kept_and_closing_erases(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(QUESTION)
    token = visitor.token()
    visitor.presses("More")
    visitor.window.get_by_label("Shared computer").check()
    assert visitor.memory() == NOTHING
    visitor.presses("More")
    visitor.asks(ANOTHER)
    visitor.input.fill("half a sentence")
    assert visitor.memory() == NOTHING
    with visitor.page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        visitor.presses("Close")
    assert gone.value.request.post_data_json == {"session": token}
    assert visitor.memory() == NOTHING
    visitor.opens()
    expect(visitor.log.locator(".you")).to_have_count(0)
    expect(visitor.input).to_have_value("")


def test_on_a_shared_computer_leaving_the_page_erases(visitor: Visitor) -> None:
    visitor.opens()
    visitor.presses("More")
    visitor.window.get_by_label("Shared computer").check()
    token = visitor.asks(QUESTION)["session"]
    visitor.page.goto(visitor.url + "/privacy")
    erased(visitor, token)
    visitor.opens()
    expect(visitor.log.locator(".you")).to_have_count(0)


@pytest.mark.parametrize("way", ["button", "escape"])
def test_quick_exit_puts_a_neutral_page_in_place_and_clears(visitor: Visitor, way: str) -> None:
    visitor.page.context.route("https://weather.gc.ca/", lambda route: route.fulfill(body="Sunny"))
    visitor.opens()
    visitor.asks(QUESTION)
    token = visitor.token()
    if way == "button":
        visitor.presses("Quick exit")
    else:
        visitor.page.keyboard.press("Escape")
        visitor.page.keyboard.press("Escape")
    visitor.page.wait_for_url("https://weather.gc.ca/")
    visitor.page.go_back()
    expect(visitor.page).not_to_have_url(visitor.url + "/")
    visitor.arrives()
    assert visitor.memory() == NOTHING
    erased(visitor, token)


def test_with_storage_switched_off_it_works_and_forgets(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    visitor.page.add_init_script(
        """for (const area of ['localStorage', 'sessionStorage'])
        Object.defineProperty(window, area,
        { get() { throw new DOMException('no', 'SecurityError'); } });"""
    )
    visitor.arrives()
    visitor.opens()
    visitor.asks(QUESTION)


def test_a_half_filled_form_comes_back_though_the_talk_went_on(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    visitor.fills_in("Do you have time on Mondays?")
    visitor.asks(QUESTION)
    visitor.page.reload()
    expect(visitor.form).to_have_count(1)
    expect(visitor.form.get_by_label("Your name")).to_have_value("Ana Example")
    visitor.asks(TO_A_PERSON)
    expect(visitor.form).to_have_count(1)
    expect(visitor.form.get_by_label("Your name")).to_have_value("Ana Example")


def test_on_a_shared_computer_an_open_form_asks_for_no_autofill(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    name = visitor.form.get_by_label("Your name")
    expect(name).to_have_attribute("autocomplete", "name")
    visitor.presses("More")
    visitor.window.get_by_label("Shared computer").check()
    expect(name).to_have_attribute("autocomplete", "off")


def test_a_shared_computer_in_one_window_leaves_the_other_alone(new_visitor: Visitors) -> None:
    here, there = a_form_and_a_second_window(new_visitor)
    there.presses("More")
    there.window.get_by_label("Shared computer").check()
    here.page.wait_for_timeout(300)
    expect(here.form.get_by_label("Your name")).to_have_value("Ana Example")
    expect(here.log).not_to_contain_text("erased")


def test_clearing_reaches_a_window_with_an_unsent_message(new_visitor: Visitors) -> None:
    here = new_visitor()
    here.arrives()
    here.opens()
    token = here.asks(QUESTION)["session"]
    there = new_visitor(here.page.context)
    there.arrives()
    there.opens()
    there.page.route("**/api/chat", lambda route: route.abort())
    there.types(ANOTHER)
    expect(there.log).to_contain_text("Not sent.")
    here.presses("More")
    here.presses("Clear this conversation")
    expect(there.log.locator(".you")).to_have_count(0)
    there.input.press_sequentially("a")
    assert token not in there.memory()
