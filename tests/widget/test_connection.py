"""Slow servers and lost connections: no word is lost, and the truth is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Request, Route, expect

from .visitor import ANOTHER, QUESTION, Visitor, Visitors, answers, sent

pytestmark = pytest.mark.browser


def test_a_typing_sign_shows_after_300_ms_and_goes_with_the_answer(visitor: Visitor) -> None:
    visitor.opens()
    waiting: list[Route] = []
    visitor.page.route("**/api/chat", lambda route: waiting.append(route))
    visitor.page.clock.install(time="2030-01-01T08:00:00Z")
    visitor.page.clock.pause_at("2030-01-01T09:00:00Z")
    visitor.types(QUESTION)
    expect(visitor.log.locator(".you")).to_have_count(1)
    status = visitor.window.locator(".typing")
    visitor.page.clock.run_for(250)
    expect(status).to_be_empty()
    visitor.page.clock.run_for(100)
    expect(status).to_have_text("Writing an answer …")
    answers(waiting[0])
    expect(visitor.answers.last).to_contain_text("An answer.")
    expect(status).to_be_empty()


def test_the_answer_is_on_the_screen_within_100_ms_of_the_servers_reply(visitor: Visitor) -> None:
    """The best of three: the machine that tests has other things to do."""
    visitor.opens()
    visitor.chat.evaluate(
        """chat => { const plain = window.fetch; window.took = []; let replied;
        window.fetch = async (...given) => { const answer = await plain(...given);
        replied = performance.now(); return answer; };
        chat.addEventListener('answer', () => requestAnimationFrame(() => setTimeout(() =>
        window.took.push(performance.now() - replied)))); }"""
    )
    for question in (QUESTION, ANOTHER, QUESTION):
        visitor.asks(question)
    took = visitor.page.evaluate(
        """async () => {
        for (let frames = 0; frames < 600 && window.took.length < 3; frames++)
          await new Promise(requestAnimationFrame);
        return window.took; }"""
    )
    assert len(took) == 3
    assert min(took) < 100


def test_words_written_offline_go_out_in_order_when_the_connection_is_back(
    visitor: Visitor,
) -> None:
    visitor.opens()
    arrived: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/chat"):
            arrived.append(sent(request)["text"])

    visitor.page.on("requestfinished", note)
    visitor.page.context.set_offline(True)
    visitor.types(ANOTHER)
    expect(visitor.log).to_contain_text("Not sent yet. It goes out when the connection is back.")
    visitor.types(QUESTION)
    visitor.page.context.set_offline(False)
    expect(visitor.answers).to_have_count(3)
    assert arrived == [ANOTHER, QUESTION]
    expect(visitor.log.get_by_text("Not sent")).to_have_count(0)
    expect(visitor.log.locator(".you")).to_have_count(2)


@pytest.mark.parametrize(
    "fault",
    [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"),
        lambda route: route.fulfill(status=200, body="<p>Please pay for the wireless</p>"),
        lambda route: route.fulfill(status=200, json={}),
        lambda route: route.fulfill(status=200, body="null"),
        lambda route: route.fulfill(status=200, json={"replies": [{"text": None}]}),
    ],
    ids=["lost", "gateway", "captive portal", "silence", "nothing", "no words"],
)
def test_a_message_that_does_not_get_through_says_so_and_can_be_sent_again(
    visitor: Visitor, fault: Callable[[Route], None]
) -> None:
    visitor.opens()
    visitor.page.route("**/api/chat", fault)
    visitor.types(QUESTION)
    expect(visitor.log.locator(".you")).to_contain_text("Not sent. Your words are kept here.")
    visitor.page.unroute("**/api/chat")
    visitor.presses("Try again")
    expect(visitor.answers).to_have_count(2)
    expect(visitor.log.get_by_text("Not sent")).to_have_count(0)
    expect(visitor.input).to_be_focused()


def test_a_conversation_goes_on_when_the_server_was_started_anew(
    new_visitor: Visitors, start_server: Callable[..., Any]
) -> None:
    before = start_server()
    visitor = new_visitor(url=before.url)
    visitor.arrives()
    visitor.opens()
    answer = visitor.asks(QUESTION)
    before.stop()
    visitor.types(ANOTHER)
    expect(visitor.log.locator(".you").last).to_contain_text("Not sent.")
    after = start_server(BOT_DATABASE_URL=before.database_url)
    visitor.page.route(
        f"{before.url}/**",
        lambda route: route.continue_(url=route.request.url.replace(before.url, after.url)),
    )
    with visitor.page.expect_response("**/api/chat") as response:
        visitor.presses("Try again")
    assert response.value.json()["session"] == answer["session"]
    expect(visitor.answers).to_have_count(3)
    after.stop()


@pytest.mark.parametrize("status", [413, 429])
def test_a_refusal_is_told_in_the_servers_words(visitor: Visitor, status: int) -> None:
    visitor.opens()
    error = {"code": "too_many", "message": "Please wait a minute."}
    visitor.page.route(
        "**/api/chat", lambda route: route.fulfill(status=status, json={"error": error})
    )
    visitor.types(QUESTION)
    expect(visitor.log.locator(".you")).to_contain_text("Please wait a minute.")
    again = visitor.log.get_by_role("button", name="Try again")
    expect(again).to_have_count(1 if status == 429 else 0)


def test_with_the_server_down_the_window_still_says_what_it_is_and_shows_help(
    visitor: Visitor,
) -> None:
    visitor.page.context.route("**/api/**", lambda route: route.abort())
    visitor.opens()
    expect(visitor.answers).to_contain_text("automated assistant")
    expect(visitor.log).to_contain_text("cannot be reached")
    visitor.presses("Need help now?")
    expect(visitor.lines.locator('a[href="tel:988"]')).to_be_visible()
    visitor.types(QUESTION)
    expect(visitor.log.locator(".you")).to_contain_text("Not sent. Your words are kept here.")
    visitor.page.context.unroute("**/api/**")
    visitor.presses("Try again")
    expect(visitor.answers).to_have_count(2)
    expect(visitor.answers.first.locator(".choices")).to_have_count(0)


def test_unsent_words_and_a_draft_survive_a_reload(visitor: Visitor) -> None:
    visitor.opens()
    visitor.page.context.route("**/api/chat", lambda route: route.abort())
    visitor.types(QUESTION)
    expect(visitor.log).to_contain_text("Not sent.")
    visitor.input.fill("and a draft")
    visitor.page.reload()
    expect(visitor.log.locator(".you")).to_contain_text("Not sent.")
    expect(visitor.input).to_have_value("and a draft")
    visitor.page.context.unroute("**/api/chat")
    visitor.presses("Try again")
    expect(visitor.answers).to_have_count(2)
