"""The chat window in a real Chromium, against the real server.

What the server cannot be made to do here (be slow, fail, say odd things) is done on the way to it.
Each state of the window is also drawn into artifacts/, for a person to look at.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parent.parent / "artifacts"
CHROMIUM = "/usr/bin/chromium"
# Local network checks would ask a person whether the host page, on a made-up name, may reach us.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-features=LocalNetworkAccessChecks"
).split()

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
SMALLEST = {"width": 320, "height": 568}

QUESTION = "what is relational therapy?"
TO_A_PERSON = "can somebody call me back please"
DANGER = "i am going to kill myself tonight"
# What a host page must allow at least; the README has it too.
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

    @property
    def answers(self) -> Locator:
        return self.log.locator(".assistant")

    def memory(self) -> str:
        """All that this origin keeps in the browser."""
        kept = self.page.evaluate(
            "[JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie]"
        )
        return "".join(kept)

    def token(self) -> str:
        return str(self.page.evaluate("JSON.parse(localStorage['clinic-chat']).session"))

    def focused(self, target: Locator) -> None:
        expect(target).to_be_focused()


Visitors = Callable[..., Visitor]


def first_line(text: str) -> str:
    return re.sub(r"^- ", "", text.strip().split("\n")[0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(browser: Browser, chat_server: Any) -> Iterator[Visitors]:
    """Makes visitors; at the end none may have met an error in a script."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def make(context: BrowserContext | None = None, **options: Any) -> Visitor:
        if context is None:
            context = browser.new_context(
                viewport=options.pop("viewport", DESKTOP), reduced_motion="reduce", **options
            )
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if is_fault(message) else None)
        return Visitor(page, chat_server.url)

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def is_fault(message: Any) -> bool:
    """Chromium reports each refused or lost request too; tests cause those on purpose."""
    expected = ("Failed to load resource", "from origin 'http://other.test' has been blocked")
    return message.type in ("error", "warning") and not any(
        text in message.text for text in expected
    )


@pytest.fixture
def visitor(new_visitor: Visitors) -> Visitor:
    """Someone who has just come to the demonstration page."""
    visitor = new_visitor()
    visitor.arrives()
    return visitor


def answers(route: Route, **answer: Any) -> None:
    """Answers in the server's stead."""
    reply = {"text": "An answer.", "key": None, "sources": [], "choices": [], "helplines": []}
    replies = [{**reply, **answer.pop("reply", {})}]
    body = {"session": "x", "topic": "faq/principles", "kind": "answer", "replies": replies, **answer}
    route.fulfill(json=body)


# What the page that embeds it pays


def test_one_tag_brings_the_widget_and_it_asks_nothing_before_it_is_opened(
    new_visitor: Visitors,
) -> None:
    visitor = new_visitor()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.arrives()
    visitor.page.wait_for_load_state("networkidle")
    scripts = [url for url in asked if url.endswith(".js")]
    assert scripts == [f"{visitor.url}/widget.js"]
    assert not [url for url in asked if "/api/" in url]


def test_it_weighs_less_than_12_kb_gzipped_and_asks_no_third_party(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    bodies: dict[str, bytes] = {}
    others: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(visitor.url):
            others.append(request.url)
        response = request.response()
        if response and request.frame.url != request.url and "/api/" not in request.url:
            bodies[request.url.removeprefix(visitor.url)] = response.body()

    visitor.page.on("requestfinished", note)
    visitor.arrives()
    visitor.opens()
    visitor.asks(QUESTION)
    pages_own = {"/static/site.css", "/static/leaf.svg", "/static/room.svg"}
    widgets = {path: body for path, body in bodies.items() if path not in pages_own}
    assert list(widgets) == ["/widget.js"]
    assert sum(len(gzip.compress(body, 9)) for body in widgets.values()) < 12_000
    assert others == []


def test_the_page_does_not_move_when_it_comes(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    visitor.page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach("
        "entry => window.moved += entry.value)).observe({type: 'layout-shift', buffered: true})"
    )
    visitor.arrives()
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.page.keyboard.press("Escape")
    assert visitor.page.evaluate("window.moved") == 0


def test_no_style_leaks_in_or_out(new_visitor: Visitors) -> None:
    plain = new_visitor()
    plain.arrives()
    plain.opens()
    visitor = new_visitor()
    visitor.arrives()
    look = """node => ['color', 'fontSize', 'lineHeight', 'textAlign', 'letterSpacing', 'backgroundColor',
        'borderRadius', 'paddingTop', 'textTransform'].map(name => getComputedStyle(node)[name])"""
    heading = visitor.page.get_by_role("heading", level=1)
    before = heading.evaluate(look)
    hostile = """html { font-size: 5px; } body { font: italic 40px/3 serif; color: red; text-align: center }
        * { letter-spacing: 5px } button, p, h2, a { color: lime !important; padding: 33px !important;
        text-transform: uppercase } :root { --ink: lime; --accent: lime; --paper: lime }"""
    visitor.page.evaluate(
        """css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css);
        document.adoptedStyleSheets = [sheet]; }""",
        hostile,
    )
    visitor.opens()
    for part in (".words p", "h2", ".choices button", ".main"):
        assert visitor.window.locator(part).first.evaluate(look) == plain.window.locator(
            part
        ).first.evaluate(look)
    visitor.page.evaluate("document.adoptedStyleSheets = []")
    assert heading.evaluate(look) == before


def test_it_works_on_a_page_of_another_site_with_a_strict_content_policy(
    new_visitor: Visitors,
) -> None:
    visitor = new_visitor()
    host_page(visitor, STRICT.format(url=visitor.url))
    visitor.page.goto("http://clinic.test/")
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.page.reload()
    expect(visitor.log).to_contain_text(QUESTION)
    background = visitor.window.evaluate("node => getComputedStyle(node).backgroundColor")
    assert background == "rgb(250, 246, 239)"
    visitor.presses("More")
    visitor.presses("Clear this conversation")
    expect(visitor.log).to_contain_text("The conversation is erased")


def test_a_site_that_is_not_allowed_gets_no_widget_and_no_answer(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    visitor.page.route("http://other.test/", lambda route: route.fulfill(body="<p>Other</p>"))
    visitor.page.goto("http://other.test/")
    reached = visitor.page.evaluate(
        """url => fetch(url + '/api/chat', {method: 'POST', body: '{"text": "hello"}',
        headers: {'Content-Type': 'application/json'}}).then(() => true, () => false)""",
        visitor.url,
    )
    assert reached is False


def host_page(visitor: Visitor, policy: str, body: str = "", tag: str = "") -> None:
    visitor.page.route(
        "http://clinic.test/",
        lambda route: route.fulfill(
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
            body=f"<!doctype html><html lang=en {tag}><title>Clinic</title><body><h1>Clinic</h1>{body}"
            f'<script type="module" src="{visitor.url}/widget.js"></script>',
        ),
    )


# Opening, and talking


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
    assert request.value.post_data_json["choice"].startswith("faq/")
    expect(visitor.log.locator(".you")).to_contain_text(title)
    expect(visitor.answers).to_have_count(2)
    visitor.focused(visitor.input)


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
    visitor.focused(down)


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
    assert request.value.post_data_json["text"] == "what is\nrelational therapy?"
    expect(visitor.input).to_have_value("")


def test_an_empty_message_is_not_sent(visitor: Visitor) -> None:
    visitor.opens()
    visitor.types("   ")
    visitor.presses("Send")
    expect(visitor.log.locator(".you")).to_have_count(0)
    visitor.focused(visitor.input)


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
        """chat => { window.heard = []; for (const name of ['open', 'close', 'answer', 'contact-sent',
        'help-shown']) chat.addEventListener(name, event => heard.push([name, event.detail])); }"""
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
    visitor.page.goto("http://clinic.test/")
    visitor.launcher = visitor.chat.get_by_role("button", name="Poser une question")
    expect(visitor.chat).to_have_count(1)
    box = visitor.launcher.bounding_box()
    assert box is not None
    assert box["x"] < DESKTOP["width"] / 2
    visitor.launcher.click()
    expect(visitor.window).to_have_accessible_name("Ask Ana")
    expect(visitor.window.get_by_role("textbox", name="Votre question")).to_be_visible()


# Help, danger, and the contact form


def test_help_is_one_press_away_before_the_chat_is_opened(visitor: Visitor) -> None:
    visitor.presses("Need help now?", visitor.chat)
    expect(visitor.window).to_be_visible()
    for href in ("tel:911", "tel:988", "sms:988", "tel:4164084357"):
        expect(visitor.lines.locator(f'a[href="{href}"]')).to_be_visible()
    visitor.focused(visitor.window.get_by_role("button", name="Need help now?"))


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


def fill_in(visitor: Visitor, message: str) -> None:
    visitor.form.get_by_label("Your name").fill("Ana Example")
    visitor.form.get_by_label("E-mail").fill("ana@example.com")
    visitor.form.get_by_role("textbox").last.fill(message)
    visitor.form.get_by_role("checkbox").check()


def test_the_contact_form_tells_what_is_wrong_keeps_what_was_typed_and_then_sends(
    visitor: Visitor,
) -> None:
    visitor.opens()
    visitor.asks(TO_A_PERSON)
    fill_in(visitor, "Do you have time on Mondays?")
    email = visitor.form.get_by_label("E-mail")
    email.fill("ana@@example")
    visitor.presses("Send", visitor.form)
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(email).to_have_accessible_description(re.compile("does not look like an e-mail"))
    visitor.focused(email)
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
    fill_in(visitor, "Do you have time on Mondays?")
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
    fill_in(visitor, DANGER)
    visitor.presses("Send", visitor.form)
    expect(visitor.log).to_contain_text("Your message has not been sent.")
    expect(visitor.lines.locator('a[href="tel:988"]')).to_be_visible()
    return visitor


def test_a_message_that_shows_danger_waits_and_is_sent_when_the_visitor_says_so(
    held: Visitor,
) -> None:
    held.focused(held.log.locator(".choices"))
    with held.page.expect_response("**/api/contact") as response:
        held.presses("Send it anyway")
    assert response.value.status == 201
    assert response.value.request.post_data_json["message"] == DANGER
    expect(held.form).to_have_count(0)


def test_a_message_that_shows_danger_can_be_changed(held: Visitor) -> None:
    held.presses("Change it")
    message = held.form.get_by_role("textbox").last
    held.focused(message)
    expect(message).to_have_value(DANGER)


def test_a_message_that_shows_danger_can_be_discarded(held: Visitor) -> None:
    held.presses("Discard it")
    expect(held.log).to_contain_text("Discarded. Nothing was sent.")
    expect(held.form).to_have_count(0)


# The keyboard


def test_the_keyboard_alone_opens_asks_chooses_and_closes(visitor: Visitor) -> None:
    keyboard = visitor.page.keyboard
    visitor.launcher.focus()
    keyboard.press("Enter")
    visitor.focused(visitor.input)
    expect(visitor.answers).to_have_count(1)
    keyboard.type(QUESTION)
    with visitor.page.expect_response("**/api/chat"):
        keyboard.press("Enter")
    expect(visitor.answers).to_have_count(2)
    visitor.focused(visitor.input)
    choice = visitor.log.locator(".choices button").last
    for _ in range(12):
        keyboard.press("Shift+Tab")
        if choice.evaluate("node => node.getRootNode().activeElement === node"):
            break
    visitor.focused(choice)
    with visitor.page.expect_response("**/api/chat"):
        keyboard.press("Space")
    expect(visitor.answers).to_have_count(3)
    keyboard.press("Escape")
    expect(visitor.window).to_be_hidden()
    visitor.focused(visitor.launcher)


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
    visitor.page.clock.install()
    help_button = visitor.chat.get_by_role("button", name="Need help now?")
    help_button.press("Enter")
    visitor.presses("More")
    menu = visitor.window.get_by_role("button", name="Clear this conversation")
    expect(menu).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    visitor.focused(visitor.window.get_by_role("button", name="More"))
    visitor.presses("Close")
    expect(visitor.window).to_be_hidden()
    visitor.focused(help_button)


# Lost connections, slow servers


def test_a_typing_sign_shows_after_300_ms_and_goes_with_the_answer(visitor: Visitor) -> None:
    visitor.opens()
    waiting: list[Route] = []
    visitor.page.route("**/api/chat", lambda route: waiting.append(route))
    visitor.page.clock.install()
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
    visitor.opens()
    visitor.chat.evaluate(
        """chat => { const plain = window.fetch; window.fetch = async (...given) => {
        const answer = await plain(...given); window.replied ??= performance.now(); return answer; };
        chat.addEventListener('answer', () => requestAnimationFrame(() => setTimeout(() => {
        window.shown = performance.now(); }))); }"""
    )
    visitor.asks(QUESTION)
    visitor.page.wait_for_function("window.shown")
    assert visitor.page.evaluate("window.shown - window.replied") < 100


def test_words_written_offline_go_out_in_order_when_the_connection_is_back(
    visitor: Visitor,
) -> None:
    visitor.opens()
    sent: list[str] = []
    visitor.page.on(
        "response",
        lambda response: sent.append(response.request.post_data_json["text"])
        if response.url.endswith("/api/chat")
        else None,
    )
    visitor.page.context.set_offline(True)
    visitor.types("how does it work?")
    expect(visitor.log).to_contain_text("Not sent yet. It goes out when the connection is back.")
    visitor.types(QUESTION)
    visitor.page.context.set_offline(False)
    expect(visitor.answers).to_have_count(3)
    assert sent == ["how does it work?", QUESTION]
    expect(visitor.log.get_by_text("Not sent")).to_have_count(0)
    expect(visitor.log.locator(".you")).to_have_count(2)


@pytest.mark.parametrize(
    "fault",
    [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"),
        lambda route: route.fulfill(status=200, body="<p>Please pay for the wireless</p>"),
        lambda route: route.fulfill(status=200, json={}),
    ],
    ids=["lost", "gateway", "captive portal", "silence"],
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
    visitor.focused(visitor.input)


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


# Keeping and clearing


def test_the_conversation_is_there_after_a_reload_and_on_the_next_page(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    for path in ("/", "/privacy"):
        visitor.arrives(path)
        expect(visitor.log.locator(".you")).to_contain_text(QUESTION)
        expect(visitor.answers.last).to_contain_text(first_line(answer["replies"][0]["text"]))
        expect(visitor.page.locator("body")).to_be_focused()
    assert visitor.asks("how does it work?")["session"] == answer["session"]


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
    expect(visitor.log).to_contain_text("The conversation is erased, here and on the clinic’s server.")
    expect(visitor.log.locator(".you")).to_have_count(0)
    assert token not in visitor.memory()
    erased(visitor, token)


def erased(visitor: Visitor, token: str) -> None:
    """Waits until the server has nothing of a conversation."""
    visitor.page.wait_for_function(
        """token => fetch('/api/session?session=' + token).then(answer => answer.json())
        .then(session => !session.messages?.length)""",
        arg=token,
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
    visitor.asks("how does it work?")


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
    there.asks("how does it work?")
    expect(here.log.locator(".you")).to_have_count(2)
    here.presses("More")
    here.presses("Clear this conversation")
    expect(there.log).to_contain_text("The conversation is erased")
    expect(there.log.locator(".you")).to_have_count(0)


def test_on_a_shared_computer_nothing_is_kept_and_closing_erases(visitor: Visitor) -> None:
    visitor.opens()
    visitor.asks(QUESTION)
    token = visitor.token()
    visitor.presses("More")
    visitor.window.get_by_label("Shared computer").check()
    assert visitor.memory() == "{}{}"
    visitor.presses("More")
    visitor.asks("how does it work?")
    visitor.input.fill("half a sentence")
    assert visitor.memory() == "{}{}"
    with visitor.page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        visitor.presses("Close")
    assert gone.value.request.post_data_json == {"session": token}
    assert visitor.memory() == "{}{}"
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
    assert visitor.memory() == "{}{}"
    erased(visitor, token)


def test_with_storage_switched_off_it_works_and_forgets(new_visitor: Visitors) -> None:
    visitor = new_visitor()
    visitor.page.add_init_script(
        """for (const area of ['localStorage', 'sessionStorage']) Object.defineProperty(window, area,
        { get() { throw new DOMException('no', 'SecurityError'); } });"""
    )
    visitor.arrives()
    visitor.opens()
    visitor.asks(QUESTION)


# For everyone: every state, by axe and by eye


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
    visitor.types("how does it work?")
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
    fill_in(visitor, DANGER)
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
    visitor.page.goto("http://clinic.test/")
    visitor.opens()
    visitor.asks(QUESTION)
    box = visitor.window.bounding_box()
    assert box is not None
    assert box["x"] < 40
    visitor.page.screenshot(path=ARTIFACTS / "right-to-left.png")


def test_nothing_moves_for_those_who_ask_for_that(new_visitor: Visitors, browser: Browser) -> None:
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
        """chat => [...chat.shadowRoot.querySelectorAll('button, .ways a')].map(node =>
        node.getBoundingClientRect()).filter(box => box.width).map(box => [box.width, box.height])"""
    )
    assert all(width >= 44 and height >= 44 for width, height in sizes)


# Without scripts


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


def test_the_faq_page_gives_the_assistants_own_answers(visitor: Visitor) -> None:
    visitor.opens()
    answer = visitor.asks(QUESTION)
    visitor.page.goto(f"{visitor.url}/faq#{answer['topic']}")
    article = visitor.page.locator(f'[id="{answer["topic"]}"]')
    expect(article).to_be_in_viewport()
    expect(article).to_contain_text(first_line(answer["replies"][0]["text"]))
    data = visitor.page.locator('script[type="application/ld+json"]').text_content()
    assert json.loads(data or "")["@type"] == "FAQPage"
