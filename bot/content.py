"""Chooses the words that visitors read. No other module holds a sentence of the assistant's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bot.helplines import Helpline, lines_for
from bot.settings import ROOT
from bot.topics import CONTACT, CRISIS, Topics, shipped_topics

DOMAIN = ROOT / "domain.yml"
SOURCE = Path(__file__).with_name("source.yml")

UTTER = "utter_"
CRISIS_KEY = UTTER + CRISIS
SOFT = "utter_crisis_soft"
AGAIN = "utter_crisis_again"
ALSO = "utter_also"

# What an answer is to the visitor, by the start of its key; CONTRACT.md names the kinds.
_KINDS = (
    ("utter_faq/", "answer"),
    ("utter_practical/", "unknown"),
    ("utter_lost", "unknown"),
    ("utter_other_language", "unknown"),
    ("utter_suggestions", "suggestions"),
    ("utter_contact", "contact"),
    ("utter_crisis_joking", "smalltalk"),
    ("utter_crisis", "crisis"),
)


class ContentError(ValueError):
    """The shipped words do not hold together; the message names the key."""


@dataclass(frozen=True)
class Choice:
    """A button: what it says, and what it sends."""

    title: str
    choice: str


@dataclass(frozen=True)
class Reply:
    """One bubble of the assistant's."""

    key: str
    kind: str
    text: str
    sources: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    helplines: tuple[Helpline, ...] = ()


@dataclass(frozen=True)
class Said:
    """What a conversation has been told so far."""

    keys: tuple[str, ...] = ()  # of the answers given, in order
    danger: tuple[str, ...] = ()  # kinds of danger seen in earlier turns, and now

    def times(self, key: str) -> int:
        return self.keys.count(key)


@dataclass(frozen=True)
class _Wording:
    text: str
    sources: tuple[str, ...] = field(default=())


class Content:
    """The words in force, by key."""

    def __init__(
        self,
        clinic_name: str,
        *,
        topics: Topics | None = None,
        domain: Path = DOMAIN,
        source: Path = SOURCE,
    ) -> None:
        """Reads the shipped words; `ContentError` names a key or passage that is missing."""
        self._clinic_name = clinic_name
        self._topics = topics or shipped_topics()
        self._passages: dict[str, Mapping[str, str]] = {
            passage["id"]: passage for passage in _read(source)["passages"]
        }
        self._wordings = {
            key: tuple(self._wording(key, entry) for entry in entries)
            for key, entries in _read(domain)["responses"].items()
        }
        for topic in self._topics.of_group("faq", "practical"):
            if not self._wordings.get(UTTER + topic.id):
                raise ContentError(f"domain.yml has no answer {UTTER}{topic.id}")

    def has(self, key: object) -> bool:
        return key in self._wordings

    def text(self, key: str, *, times_said: int = 0, **values: str) -> str:
        """The words of a key; each time it is said, the next wording. KeyError for no key."""
        wordings = self._wordings[key]
        return self._filled(wordings[times_said % len(wordings)].text, values)

    def reply(
        self,
        key: str,
        said: Said | None = None,
        *,
        choices: Iterable[str] | None = None,
        also: str | None = None,
        beside: str | None = None,
        soft: bool = False,
        **values: str,
    ) -> Reply:
        """The answer to give, with what may be asked next.

        `choices` are topic ids to offer instead of the usual ones; `also` is a second topic that
        was asked about; `beside` is one that may have been meant; `soft` adds the line with 9-8-8.
        After danger an answer comes without choices and with the lines showing.
        """
        said = said or Said()
        if key == CRISIS_KEY:
            return self.crisis_reply(said)
        wordings = self._wordings[key]
        wording = wordings[said.times(key) % len(wordings)]
        text = self._filled(wording.text, values)
        passages = wording.sources
        offered = list(choices if choices is not None else self._next(key, said, beside))
        if also:
            second = min(self._wordings[UTTER + also], key=lambda other: len(other.text))
            lead = self.text(ALSO, question=self.choice(also).title)
            text = f"{text}\n\n{lead}\n\n{self._filled(second.text, values)}"
            passages = tuple(dict.fromkeys((*passages, *second.sources)))
            unknown = kind_of(UTTER + also) == "unknown" and CONTACT not in offered
            offered = [topic for topic in [*[CONTACT] * unknown, *offered] if topic != also]
        helplines: tuple[Helpline, ...] = ()
        if said.danger:
            helplines = lines_for(said.danger)
        elif soft:
            text = f"{text}\n\n{self.text(SOFT)}"
            helplines = lines_for(("any",))[1:2]
        return Reply(
            key=key,
            kind=kind_of(key),
            text=text,
            sources=tuple(self._passages[name]["where"] for name in passages),
            choices=() if said.danger else tuple(self.choice(topic) for topic in offered),
            helplines=helplines,
        )

    def crisis_reply(self, said: Said) -> Reply:
        """Help at once, by kind of danger; in other words when it was shown before."""
        key = _crisis_key(said.danger[0] if said.danger else "any")
        shown_before = sum(said_key.startswith(CRISIS_KEY) for said_key in said.keys)
        # A new kind of danger says what to do about it; the same one is met in other words.
        if key in said.keys:
            key = AGAIN
        text = self.text(key, times_said=shown_before - 1 if key == AGAIN else 0)
        return Reply(
            key=key, kind="crisis", text=text, helplines=lines_for(said.danger or ("any",))
        )

    def choice(self, topic_id: str) -> Choice:
        return Choice(self._topics[topic_id].label, topic_id)

    @cached_property
    def opening(self) -> tuple[Choice, ...]:
        """The four topics to start with."""
        return tuple(
            self.choice(topic)
            for topic in (
                "faq/what_is_relational_therapy",
                "faq/how_it_works",
                "faq/who_it_helps",
                "practical/booking",
            )
        )

    def sources(self, key: str) -> tuple[str, ...]:
        """Where in the clinic's text the first wording of an answer stands."""
        return tuple(self._passages[name]["where"] for name in self._wordings[key][0].sources)

    def _next(self, key: str, said: Said, beside: str | None) -> list[str]:
        """What to ask next: what may have been meant, what was not answered yet; a person, where
        the answer is not ours."""
        kind = kind_of(key)
        topic = self._topics.get(key.removeprefix(UTTER))
        after = [
            topic_id
            for topic_id in (topic.next if topic else ())
            if UTTER + topic_id not in said.keys
        ]
        if beside:
            after = [beside, *[topic_id for topic_id in after if topic_id != beside]]
        if kind == "unknown":
            worth = [topic_id for topic_id in after if topic_id.startswith("faq/")]
            return list(dict.fromkeys([CONTACT, beside or next(iter(worth), CONTACT)]))
        if kind == "suggestions":
            return [CONTACT]
        return after[:3]

    def _wording(self, key: str, entry: Mapping[str, Any]) -> _Wording:
        sources = tuple((entry.get("metadata") or {}).get("sources", ()))
        if unknown := set(sources) - set(self._passages):
            raise ContentError(f"domain.yml: {key} names passages that do not exist: {unknown}")
        return _Wording(entry["text"].strip(), sources)

    def _filled(self, text: str, values: Mapping[str, str]) -> str:
        for name, value in {"clinic": self._clinic_name, **values}.items():
            text = text.replace("{" + name + "}", value)
        return text


def kind_of(key: str) -> str:
    """What an answer is to the visitor, in the words of CONTRACT.md."""
    return next((kind for start, kind in _KINDS if key.startswith(start)), "smalltalk")


def _crisis_key(kind: str) -> str:
    return CRISIS_KEY if kind == "any" else f"{CRISIS_KEY}_{kind}"


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
