"""The topic model tells topics apart, says how sure it is, and comes back whole from its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.nlu.kernels import RIDGE, kernel
from bot.nlu.topic_model import (
    NEVER_SUGGESTED,
    Reading,
    TopicModel,
    _Learner,
    in_context,
    put_together,
    says_enough,
)
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


def test_what_one_writer_alone_would_have_got_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.nlu.topic_model.MOST_JUDGED", 1)
    labels = [topic for topic in range(len(TOPICS)) for _ in range(60)]
    vectors = np.stack([near(topic) for topic in labels])
    writers = [f"writer {i % 3}" for i in range(len(labels))]
    model = TopicModel.fit(vectors, [TOPICS[topic] for topic in labels], writers)
    assert model.read(near(1)).confidence >= 0.5
    assert model.read(near(4)).confidence < 0.5


def test_what_a_model_without_some_rows_would_say_needs_no_other_fit() -> None:
    labels = np.repeat(np.arange(3), 10)
    places = np.stack([near(topic) for topic in labels])
    learner = _Learner(places, labels, topics=3, first=18)
    own, rest = slice(20, 26), np.r_[0:20, 26:30]
    kernels = kernel(places, places)
    targets = np.eye(3)[labels] - 1 / 3
    weights = np.linalg.solve(
        (kernels + RIDGE * np.eye(30))[np.ix_(rest, rest)], targets[rest]
    )  # each topic has as many rows, so all count alike
    expected = kernels[own][:, rest] @ weights
    assert learner.scores_without(own) == pytest.approx(expected, abs=1e-3)


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


def about(topic: str, confidence: float) -> Reading:
    return Reading(((topic, 1.0),), topic, confidence, ())


class TestSeveralThingsInOneMessage:
    def test_the_whole_decides_where_it_is_sure(self) -> None:
        whole = about("faq/a", 0.8)
        assert put_together(whole, [("It rained.", about("faq/b", 0.99))]) == whole

    def test_a_story_is_answered_on_the_question_in_it(self) -> None:
        parts = [("I had a long day", about(FALLBACK, 0.1)), ("what is it?", about("faq/b", 0.9))]
        assert put_together(about("faq/a", 0.3), parts).topic == "faq/b"

    def test_a_question_after_a_greeting_is_the_matter(self) -> None:
        parts = [("Hi there!", about("greet", 0.99)), ("How much?", about("practical/c", 0.9))]
        assert put_together(about("greet", 0.7), parts).topic == "practical/c"

    def test_two_questions_are_both_heard(self) -> None:
        parts = [
            ("what is it?", about("faq/a", 0.9)),
            ("and how much does it cost", about("practical/c", 0.8)),
        ]
        both = put_together(about("faq/a", 0.6), parts)
        assert (both.topic, both.also) == ("faq/a", "practical/c")

    def test_what_is_told_beside_a_question_is_no_second_question(self) -> None:
        parts = [
            ("what is it?", about("faq/a", 0.9)),
            ("My sister paid a lot.", about("practical/c", 0.9)),
        ]
        assert put_together(about("faq/a", 0.6), parts).also is None

    def test_unsure_parts_change_nothing(self) -> None:
        whole = about("faq/a", 0.3)
        assert put_together(whole, [("what about it?", about("faq/b", 0.6))]) == whole


class TestWhenTheQuickestSaysEnough:
    def test_a_clear_answer(self) -> None:
        assert says_enough(about("faq/a", 0.95))

    def test_not_one_that_leaves_a_doubt(self) -> None:
        assert not says_enough(about("faq/a", 0.7))
        assert not says_enough(about("faq/a", 0.3))

    def test_not_where_a_second_question_is_heard(self) -> None:
        assert not says_enough(replace(about("faq/a", 0.95), also="faq/b"))

    def test_what_is_clearly_something_else(self) -> None:
        assert says_enough(Reading(((FALLBACK, 0.99), ("faq/a", 0.01)), "faq/a", 0.01, ()))

    def test_not_what_would_be_clear_after_an_answer(self) -> None:
        assert not says_enough(Reading((("tell_me_more", 0.6), ("faq/a", 0.4)), "faq/a", 0.01, ()))


class TestWhatIsOffered:
    @staticmethod
    def offered(confidence: float, also: str | None = None) -> tuple[str, ...]:
        likely = ("faq/a", "faq/b", "practical/c")
        return Reading(((likely[0], 1.0),), likely[0], confidence, likely, also).offered

    def test_where_it_is_not_sure_all_that_is_likely(self) -> None:
        assert self.offered(0.4) == ("faq/a", "faq/b", "practical/c")

    def test_beside_an_answer_that_leaves_a_doubt_the_next_likeliest(self) -> None:
        assert self.offered(0.7) == ("faq/b",)

    def test_beside_a_clear_answer_or_two_nothing(self) -> None:
        assert self.offered(0.95) == ()
        assert self.offered(0.7, also="practical/c") == ()


class TestInContext:
    def after(self, **shares: float) -> dict[str, str]:
        ranking = tuple((name.replace("_of_", "/"), share) for name, share in shares.items())
        return in_context(Reading(ranking, ranking[0][0], 0.2, ()))

    def test_what_hints_at_a_topic_asks_for_it_where_it_was_answered_before(self) -> None:
        found = self.after(faq_of_a=0.3, faq_of_b=0.02, contact=0.68)
        assert found == {"faq/a": "faq/a"}

    def test_what_asks_for_more_asks_for_it_after_every_answer(self) -> None:
        found = self.after(tell_me_more=0.3, faq_of_a=0.1, practical_of_c=0.1, contact=0.5)
        assert found == {"faq/a": "tell_me_more", "practical/c": "tell_me_more"}

    def test_another_subject_stays_one(self) -> None:
        assert self.after(nlu_fallback=0.8, faq_of_a=0.1, contact=0.1) == {}
