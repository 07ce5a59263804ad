"""A person at a browser with the chat window before them, and what tests have them say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Request, Route, expect

ARTIFACTS = Path(__file__).parent.parent.parent / "artifacts"

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
SMALLEST = {"width": 320, "height": 568}

QUESTION = "what is relational therapy?"
ANOTHER = "how does it work?"
TO_A_PERSON = "can somebody call me back please"
DANGER = "i am going to kill myself tonight"

# The other site that may embed the chat, and what it must allow at least; the README has it too.
HOST = "http://clinic.test"
STRICT = "default-src 'none'; script-src {url}; connect-src {url}"


class Visitor:
    """A person at a browser, with the chat window before them."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.chat = page.locator("clinic-chat")
        self.launcher = self.chat.get_by_role("button", name="Ask a question")
        self.window = self.chat.get_by_role("dialog")
        self.log = self.window.get_by_role("log")
        self.input = self.window.get_by_role("textbox", name="Your question")
        self.lines = self.window.locator(".panel .lines")
        self.form = self.window.get_by_role("form", name="Message to the clinic")

    def arrives(self, path: str = "/") -> None:
        self.page.goto(self.url + path)
        expect(self.launcher.or_(self.window)).to_be_visible()

    def opens(self) -> None:
        self.launcher.click()
        expect(self.log.locator(".assistant")).not_to_have_count(0)

    def presses(self, name: str, within: Locator | None = None) -> None:
        (within or self.window).get_by_role("button", name=name, exact=True).click()

    def types(self, text: str) -> None:
        self.input.fill(text)
        self.input.press("Enter")

    def asks(self, text: str) -> dict[str, Any]:
        """What the server answered; its last words stand in the log by then."""
        with self.page.expect_response("**/api/chat") as response:
            self.types(text)
        answer: dict[str, Any] = response.value.json()
        expect(self.answers.last).to_contain_text(first_line(answer["replies"][-1]["text"]))
        return answer

    def fills_in(self, message: str) -> None:
        """The contact form, save for the sending."""
        self.form.get_by_label("Your name").fill("Ana Example")
        self.form.get_by_label("E-mail").fill("ana@example.com")
        self.form.get_by_role("textbox").last.fill(message)
        self.form.get_by_role("checkbox").check()

    @property
    def answers(self) -> Locator:
        return self.log.locator(".assistant")

    def memory(self) -> str:
        """All that this origin keeps in the browser."""
        areas = self.page.evaluate("[localStorage, sessionStorage].map(area => ({...area}))")
        return f"{json.dumps(areas)}{self.page.evaluate('document.cookie')}"

    def token(self) -> str:
        return str(self.page.evaluate("JSON.parse(localStorage['clinic-chat']).session"))


Visitors = Callable[..., Visitor]


def first_line(text: str) -> str:
    return re.sub(r"^- ", "", text.strip().split("\n")[0])


def sent(request: Request) -> dict[str, Any]:
    """What the widget sent to the server."""
    body: dict[str, Any] = request.post_data_json or {}
    return body


def answers(route: Route, **answer: Any) -> None:
    """Answers in the server's stead."""
    reply: dict[str, Any] = {
        "text": "An answer.",
        "key": None,
        "sources": [],
        "choices": [],
        "helplines": [],
    }
    replies = [{**reply, **answer.pop("reply", {})}]
    body = {
        "session": "x",
        "topic": "faq/principles",
        "kind": "answer",
        "replies": replies,
        **answer,
    }
    route.fulfill(json=body)


def host_page(visitor: Visitor, policy: str, body: str = "", tag: str = "") -> None:
    visitor.page.route(
        f"{HOST}/",
        lambda route: route.fulfill(
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
            body=f"<!doctype html><html lang=en {tag}><title>Clinic</title><h1>Clinic</h1>{body}"
            f'<script type="module" src="{visitor.url}/widget.js"></script>',
        ),
    )
