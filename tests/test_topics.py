"""The contract of topics holds together."""

from pathlib import Path

import pytest

from bot.topics import TopicsError, read_topics, shipped_topics


def test_the_topics_are_those_of_the_contract() -> None:
    topics = shipped_topics()
    assert len(topics.of_group("faq")) == 17
    assert len(topics.of_group("practical")) == 11
    assert len(topics.of_group("dialogue")) == 14


def test_the_intent_of_a_retrieval_topic_is_the_part_before_the_slash() -> None:
    assert shipped_topics()["faq/principles"].intent == "faq"
    assert shipped_topics()["contact"].intent == "contact"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("faq:\n  - {id: a, label: A}\n", "lacks covers"),
        ("faq:\n  - {id: a, label: A, covers: x}\n  - {id: a, label: A, covers: x}\n", "twice"),
        ("faq:\n  - {id: a, label: A, covers: x, next: [b]}\n", "leads on to b"),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence(tmp_path: Path, source: str, says: str) -> None:
    (tmp_path / "topics.yml").write_text(source)
    with pytest.raises(TopicsError, match=says):
        read_topics(tmp_path / "topics.yml")
