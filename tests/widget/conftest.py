"""Fixtures: Chromium driven by Playwright, which waits by itself and can stand in for a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, sync_playwright

from tests.conftest import Server, missing

from .visitor import DESKTOP, Visitor, Visitors

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # It would ask a person whether a page on a made-up name may reach this machine.
    "--disable-features=LocalNetworkAccessChecks",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this folder: Playwright's event loop must not meet those of other tests."""
    if not Path(CHROMIUM).exists():
        missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(browser: Browser, chat_server: Server) -> Iterator[Visitors]:
    """Makes visitors; at the end none may have met an error in a script."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def make(
        context: BrowserContext | None = None, url: str = chat_server.url, **options: Any
    ) -> Visitor:
        if context is None:
            context = browser.new_context(
                viewport=options.pop("viewport", DESKTOP), reduced_motion="reduce", **options
            )
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console", lambda message: errors.append(message.text) if is_fault(message) else None
        )
        return Visitor(page, url)

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def is_fault(message: ConsoleMessage) -> bool:
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
