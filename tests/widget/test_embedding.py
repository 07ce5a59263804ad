"""What the page that embeds the chat window pays: next to nothing."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Request, expect

from .visitor import HOST, QUESTION, STRICT, Visitors, host_page

pytestmark = pytest.mark.browser


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
    look = """node => ['color', 'fontSize', 'lineHeight', 'textAlign', 'letterSpacing',
        'backgroundColor', 'borderRadius', 'paddingTop', 'textTransform'].map(
        name => getComputedStyle(node)[name])"""
    heading = visitor.page.get_by_role("heading", level=1)
    before = heading.evaluate(look)
    hostile = """html { font-size: 5px }
        body { font: italic 40px/3 serif; color: red; text-align: center }
        * { letter-spacing: 5px }
        button, p, h2, a { color: lime !important; padding: 33px !important;
        text-transform: uppercase }
        * { --ink: lime; --accent: lime; --paper: lime; --card: lime; --side: 40em auto }"""
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
    visitor.page.goto(HOST)
    visitor.opens()
    visitor.asks(QUESTION)
    visitor.page.reload()
    expect(visitor.log).to_contain_text(QUESTION)
    background = visitor.window.evaluate("node => getComputedStyle(node).backgroundColor")
    assert background == "rgb(250, 246, 239)"
    visitor.presses("More")
    with visitor.page.expect_download():
        visitor.presses("Save this conversation")
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
