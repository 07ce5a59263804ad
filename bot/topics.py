"""The topics the assistant knows, read from `topics.yml`. It only reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FALLBACK = "nlu_fallback"
CRISIS = "crisis"
DISTRESS = "personal_distress"
CONTACT = "contact"
# A follow-up with no subject of its own ("tell me more", "why?"): an intent to Rasa, but no topic,
# because it means the topic before it.
TELL_ME_MORE = "tell_me_more"

FILE = Path(__file__).with_name("topics.yml")


@dataclass(frozen=True)
class Topic:
    """One thing a visitor may ask or say."""

    id: str
    group: str  # faq | practical | dialogue
    label: str  # what a visitor reads on a button
    covers: str
    next: tuple[str, ...] = ()  # ids to offer after its answer

    @property
    def intent(self) -> str:
        """Rasa's intent: for a retrieval intent the part before the slash."""
        return self.id.split("/")[0]


class TopicsError(ValueError):
    """`topics.yml` does not hold together; the message names the entry."""


class Topics(Mapping[str, Topic]):
    """All topics by id, in the order of the file."""

    def __init__(self, topics: list[Topic]) -> None:
        self._by_id = {topic.id: topic for topic in topics}
        if len(self._by_id) != len(topics):
            raise TopicsError("topics.yml names a topic twice")
        for topic in topics:
            for unknown in set(topic.next) - set(self._by_id):
                raise TopicsError(
                    f"topics.yml: {topic.id} leads on to {unknown}, which is no topic"
                )

    def __getitem__(self, topic_id: str) -> Topic:
        return self._by_id[topic_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def of_group(self, *groups: str) -> list[Topic]:
        return [topic for topic in self.values() if topic.group in groups]


def read_topics(path: Path = FILE) -> Topics:
    """Reads a file of topics; `TopicsError` says which entry is wrong."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))
    topics = []
    for group, entries in groups.items():
        for entry in entries:
            missing = {"id", "label", "covers"} - set(entry)
            if missing:
                raise TopicsError(
                    f"topics.yml: an entry of {group} lacks {', '.join(missing)}: {entry}"
                )
            topics.append(
                Topic(
                    id=entry["id"],
                    group=group,
                    label=entry["label"],
                    covers=entry["covers"],
                    next=tuple(entry.get("next", ())),
                )
            )
    return Topics(topics)


@cache
def shipped_topics() -> Topics:
    return read_topics()
