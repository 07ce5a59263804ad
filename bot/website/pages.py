"""The pages that need no script: questions, contact, privacy, and an example of a clinic's site.

Data goes in and HTML comes out; every text that is given is escaped.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bot.helplines import lines_for


@dataclass(frozen=True)
class Question:
    """One question with the answer that the assistant gives to it."""

    id: str
    title: str
    text: str
    sources: Sequence[str] = ()


@dataclass(frozen=True)
class Theme:
    """Questions that belong together."""

    title: str
    questions: Sequence[Question]


class Block(NamedTuple):
    """A paragraph, or the points of a list."""

    kind: Literal["paragraph", "list"]
    lines: list[str]


def home(clinic: str) -> str:
    return _render("home.html", clinic)


def faq(clinic: str, themes: Sequence[Theme]) -> str:
    """All answers by theme, for people and, as schema.org data, for search engines."""
    return _render("faq.html", clinic, themes=themes, linked_data=_linked_data(themes))


def contact(
    clinic: str,
    fields: Sequence[Mapping[str, Any]],
    values: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    reference: str | None = None,
    held: str | None = None,
    helplines: Sequence[Mapping[str, str]] = (),
) -> str:
    """The form with what was typed and what is wrong with it.

    With a `reference` the thanks instead; `held` are the words of the danger reply, shown first
    while the message waits for the visitor's decision.
    """
    return _render(
        "contact.html",
        clinic,
        fields=fields,
        values=values,
        errors=errors,
        reference=reference,
        held=held,
        helplines=helplines,
    )


def privacy(clinic: str, facts: Mapping[str, Any]) -> str:
    """What is kept and for how long; a fact that is not given is not spoken of."""
    return _render("privacy.html", clinic, facts=facts)


def error(clinic: str, title: str, message: str) -> str:
    return _render("error.html", clinic, title=title, message=message)


def blocks(text: str) -> Iterator[Block]:
    """Blank lines part paragraphs; lines that begin with '- ' make a list."""
    for part in re.split(r"\n\s*\n", text.strip()):
        block: Block | None = None
        for line in part.splitlines():
            kind: Literal["paragraph", "list"] = "list" if line.startswith("- ") else "paragraph"
            if block is None or block.kind != kind:
                if block is not None:
                    yield block
                block = Block(kind, [])
            block.lines.append(line.removeprefix("- ").strip())
        if block is not None:
            yield block


def _linked_data(themes: Sequence[Theme]) -> Markup:
    """The questions as a schema.org FAQPage, in a form that cannot end its script element."""
    questions = [
        {
            "@type": "Question",
            "name": question.title,
            "acceptedAnswer": {"@type": "Answer", "text": question.text},
        }
        for theme in themes
        for question in theme.questions
    ]
    page = {"@context": "https://schema.org", "@type": "FAQPage", "mainEntity": questions}
    text = json.dumps(page)  # ASCII: the line separators that trip scripts are escaped
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704


def _render(template: str, clinic: str, **data: Any) -> str:
    page = _ENVIRONMENT.get_template(template)
    return page.render(clinic=clinic, help_now=lines_for(("any",)), **data)


def _dialled(number: str) -> str:
    return re.sub(r"[^\d+]", "", number)


_ENVIRONMENT = Environment(
    loader=PackageLoader("bot.website"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(blocks=blocks, dialled=_dialled)
