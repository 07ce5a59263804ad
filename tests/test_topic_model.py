"""The topic model tells topics apart, says how sure it is, and comes back whole from its file."""

from pathlib import Path

import numpy as np
import pytest

from bot.nlu.topic_model import NEVER_SUGGESTED, TopicModel
from bot.topics import FALLBACK

TOPICS = ["faq/a", "faq/b", "practical/c", "crisis", FALLBACK]
CHANCE = np.random.default_rng(7)
CENTRES = np.linalg.qr(CHANCE.normal(size=(16, 16)))[0][: len(TOPICS)]


def near(topic: int, spread: float = 0.12) -> np.ndarray:
    vector = CENTRES[topic] + CHANCE.normal(size=16) * spread
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> TopicModel:
    labels = [topic for topic in range(len(TOPICS)) for _ in range(60)]
    return TopicModel.fit(
        np.stack([near(topic) for topic in labels]),
        [TOPICS[topic] for topic in labels],
        [f"writer {i % 3}" for i in range(len(labels))],
    )


def test_it_tells_topics_apart(model: TopicModel) -> None:
    for topic in range(4):
        reading = model.read(near(topic))
        assert reading.topic == TOPICS[topic]
        assert reading.confidence >= 0.5


def test_what_is_out_of_scope_is_not_answered(model: TopicModel) -> None:
    assert sum(model.read(near(4)).confidence < 0.5 for _ in range(20)) >= 18


def test_the_ranking_holds_every_topic_once_and_adds_up_to_one(model: TopicModel) -> None:
    ranking = model.read(near(0)).ranking
    assert sorted(topic for topic, _ in ranking) == sorted(TOPICS)
    assert sum(share for _, share in ranking) == pytest.approx(1, abs=1e-5)


def test_danger_and_the_fallback_are_never_suggested(model: TopicModel) -> None:
    for topic in range(5):
        suggestions = model.read(near(topic, spread=0.3)).suggestions
        assert len(suggestions) <= 3
        assert not set(suggestions) & NEVER_SUGGESTED


def test_it_comes_back_from_its_file_as_it_was(model: TopicModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    vector = near(2)
    assert TopicModel.load(tmp_path).read(vector) == model.read(vector)


def test_a_broken_file_is_refused(model: TopicModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    (tmp_path / "topics.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        TopicModel.load(tmp_path)


def test_one_writer_is_enough() -> None:
    labels = [topic for topic in range(len(TOPICS)) for _ in range(30)]
    model = TopicModel.fit(
        np.stack([near(topic) for topic in labels]), [TOPICS[t] for t in labels], ["me"] * 150
    )
    assert model.read(near(1)).topic == "faq/b"


def test_the_same_examples_give_the_same_model() -> None:
    vectors = np.stack([near(i % 5) for i in range(100)])
    topics, writers = [TOPICS[i % 5] for i in range(100)], [str(i % 2) for i in range(100)]
    vector = near(3)
    first, second = (TopicModel.fit(vectors, topics, writers).read(vector) for _ in range(2))
    assert first == second
