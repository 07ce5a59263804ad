"""The pages without scripts, as texts."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from bot.contact import FIELDS
from bot.helplines import lines_for
from bot.website import pages

CLINIC = "Clinic <of> Care & Co."
HOSTILE = "Is it </script><script>alert(1)</script> \u2028 & safe?"
THEMES = [
    pages.Theme(
        "About <therapy>",
        [
            pages.Question(
                "faq/principles",
                "Which principles?",
                "There are two.\n\n- trust\n- care\n\nThat is all.",
                ["first paragraph"],
            ),
            pages.Question("faq/hostile", HOSTILE, HOSTILE),
        ],
    ),
    pages.Theme(
        "About the practice", [pages.Question("practical/fees", "What does it cost?", "?")]
    ),
]
LINES = [
    {
        "name": "A helpline",
        "call": "416-555-0199",
        "text": "686868",
        "text_word": "CARE",
        "note": "free",
    }
]


class Elements(HTMLParser):
    """The elements of a page: tag and attributes, with the text of scripts and text areas."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts.setdefault(tag, []).append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.all if (value := attributes.get(name))]

    def named(self, name: str) -> dict[str, str | None]:
        return next(attributes for _, attributes in self.all if attributes.get("name") == name)


def contact(**changes: Any) -> str:
    given: dict[str, Any] = {"fields": FIELDS, "values": {}, "errors": {}}
    return pages.contact(CLINIC, **{**given, **changes})


ALL_PAGES = {
    "home": pages.home(CLINIC),
    "faq": pages.faq(CLINIC, THEMES),
    "contact": contact(),
    "contact with errors": contact(values={"name": HOSTILE}, errors={"name": HOSTILE}),
    "contact held": contact(values={"message": HOSTILE}, held=HOSTILE, helplines=LINES),
    "contact sent": contact(reference="K7QM-2X"),
    "privacy": pages.privacy(
        CLINIC,
        {
            "keep_conversations_days": 30,
            "figures": {"Right answers on unseen questions": "97.1%"},
            "measured_on": "2025-01-31",
        },
    ),
    "error": pages.error(CLINIC, "Not found", HOSTILE),
}


@pytest.fixture(params=ALL_PAGES.values(), ids=ALL_PAGES.keys())
def page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_page_shows_where_help_is(page: str) -> None:
    assert "Need help now?" in page
    links = Elements(page).values("href")
    for line in lines_for(("any",)):
        assert "tel:" + re.sub(r"\D", "", line.call) in links
    assert "sms:988" in links


def test_no_text_that_is_given_becomes_markup(page: str) -> None:
    assert "<of>" not in page
    assert "<script>alert" not in page
    assert "<therapy>" not in page


def test_every_id_on_a_page_is_given_once_and_every_reference_to_one_leads_somewhere(
    page: str,
) -> None:
    elements = Elements(page)
    ids = elements.values("id")
    assert len(ids) == len(set(ids))
    anchors = [href[1:] for href in elements.values("href") if href.startswith("#")]
    named = [
        name
        for attribute in ("aria-describedby", "aria-labelledby", "for")
        for value in elements.values(attribute)
        for name in value.split()
    ]
    assert set(anchors + named) <= set(ids)


def test_no_page_asks_another_site_for_anything_or_needs_a_lenient_content_policy(
    page: str,
) -> None:
    elements = Elements(page)
    for tag, attributes in elements.all:
        assert not attributes.keys() & {"style", "onclick", "onload"}
        assert tag != "style"
        if tag in ("script", "link", "img", "form"):
            for name in ("src", "href", "action"):
                assert (attributes.get(name) or "/").startswith("/")


def test_the_answers_stand_under_their_topics_in_paragraphs_and_lists() -> None:
    page = ALL_PAGES["faq"]
    assert 'id="faq/principles"' in page
    assert "<p>There are two.</p>" in page
    assert re.search(r"<li>trust</li>\s*<li>care</li>", page)
    assert "first paragraph" in page


def test_the_data_for_search_engines_is_a_valid_faq_page_of_the_same_answers() -> None:
    scripts = re.findall(r'<script type="application/ld\+json">(.*?)</script>', ALL_PAGES["faq"])
    data = json.loads(scripts[0])
    assert data["@context"] == "https://schema.org"
    assert data["@type"] == "FAQPage"
    questions = [question for theme in THEMES for question in theme.questions]
    assert [
        (
            entry["@type"],
            entry["name"],
            entry["acceptedAnswer"]["@type"],
            entry["acceptedAnswer"]["text"],
        )
        for entry in data["mainEntity"]
    ] == [("Question", question.title, "Answer", question.text) for question in questions]


def test_a_wrong_field_keeps_what_was_typed_and_names_its_problem() -> None:
    values = {"name": "Ana", "email": 'ana@"example', "message": "\nHello <there>"}
    elements = Elements(contact(values=values, errors={"email": "No address."}))
    email = elements.named("email")
    assert email["value"] == 'ana@"example'
    assert email["aria-invalid"] == "true"
    assert "email-problem" in str(email["aria-describedby"])
    assert "aria-invalid" not in elements.named("name")
    assert "".join(elements.texts["textarea"]).removeprefix("\n") == "\nHello <there>"


def test_a_message_that_shows_danger_waits_below_the_helplines() -> None:
    page = contact(
        values={"name": "Ana", "message": "goodbye", "consent": "true"},
        held="Please reach someone now.",
        helplines=LINES,
    )
    elements = Elements(page)
    assert page.index("Please reach someone now.") < page.index("<form")
    assert page.index("tel:4165550199") < page.index("<form")
    assert "sms:686868" in elements.values("href")
    assert "Text CARE to 686868" in page
    assert elements.named("send_anyway")["value"] == "true"
    assert "checked" in elements.named("consent")
    assert "goodbye" in "".join(elements.texts["textarea"])


def test_a_message_that_was_sent_shows_its_reference_instead_of_the_form() -> None:
    page = ALL_PAGES["contact sent"]
    assert "K7QM-2X" in page
    assert "<form" not in page


def test_privacy_tells_the_days_of_the_running_settings() -> None:
    assert "30 days after the last message" in ALL_PAGES["privacy"]
    assert "1 day after" in pages.privacy(CLINIC, {"keep_conversations_days": 1})
    assert "97.1%" in ALL_PAGES["privacy"]
    assert "measured" not in pages.privacy(CLINIC, {}).lower()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\ntwo", [("paragraph", ["One", "two"])]),
        ("Some:\n- a\n- b", [("paragraph", ["Some:"]), ("list", ["a", "b"])]),
        ("- a\n\n\n- b", [("list", ["a"]), ("list", ["b"])]),
        ("  \n", []),
    ],
)
def test_plain_text_falls_into_paragraphs_and_lists(text: str, expected: list[Any]) -> None:
    assert [tuple(block) for block in pages.blocks(text)] == expected
