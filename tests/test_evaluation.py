"""Scores count what visitors would have got; an odd file is refused with a sentence."""

from pathlib import Path

import pytest

from bot.evaluation.scores import (
    Question,
    QuestionsError,
    Result,
    as_json,
    by_style,
    mistakes,
    read_questions,
    scores,
)
from bot.outcome import Kind, Outcome
from bot.settings import ROOT
from bot.topics import FALLBACK, shipped_topics


def result(
    topic: str, guess: str, kind: Kind, *suggestions: str, confidence: float = 0.9
) -> Result:
    answered = guess if kind == "answer" else FALLBACK
    outcome = Outcome(kind, answered, confidence, suggestions)
    return Result(Question(f"about {topic}", topic, "plain"), guess, outcome)


RESULTS = [
    result("faq/principles", "faq/principles", "answer"),
    result("faq/principles", "faq/how_it_works", "answer"),
    result(
        "faq/principles", "faq/how_it_works", "suggestions", "faq/how_it_works", "faq/principles"
    ),
    result("faq/principles", "faq/principles", "unknown", confidence=0.1),
    result(FALLBACK, "faq/principles", "unknown", confidence=0.2),
    result(FALLBACK, "faq/principles", "answer", confidence=0.6),
]


def test_shares_are_of_what_is_in_scope() -> None:
    counted = scores(RESULTS)
    assert (counted.questions, counted.in_scope) == (6, 4)
    assert counted.top1 == 0.5
    assert counted.answered_right == 0.25
    assert counted.answered_wrong == 0.25
    assert counted.answered_or_suggested == 0.5
    assert counted.asked_back == 0.25
    assert counted.not_understood == 0.25
    assert counted.out_of_scope_refused == 0.5


def test_what_is_offered_beside_a_wrong_answer_counts_as_suggested_and_as_wrong() -> None:
    counted = scores([result("faq/principles", "faq/how_it_works", "answer", "faq/principles")])
    assert (counted.answered_or_suggested, counted.answered_wrong) == (1.0, 1.0)


def test_of_nothing_there_is_no_share() -> None:
    assert scores([]).top1 is None


def test_wrong_answers_come_first_among_the_mistakes() -> None:
    assert [m.outcome.kind for m in mistakes(RESULTS)] == ["answer", "answer", "suggestions"]


def test_everything_is_told_to_machines() -> None:
    told = as_json(RESULTS)
    assert told["overall"]["questions"] == 6
    assert set(told["topics"]) == {"faq/principles", FALLBACK}
    assert by_style(RESULTS)["plain"].questions == 6


@pytest.mark.parametrize("file", ["questions.tsv", "fresh_questions.tsv"])
def test_the_held_out_files_can_be_read(file: str) -> None:
    assert len(read_questions(ROOT / "tests" / "held_out" / file, shipped_topics())) >= 350


def test_no_held_out_question_is_an_example() -> None:
    nlu = (ROOT / "data" / "nlu.yml").read_text(encoding="utf-8").lower()
    examples = {line.strip().removeprefix("- ") for line in nlu.splitlines()}
    for file in sorted((ROOT / "tests" / "held_out").glob("*questions.tsv")):
        questions = read_questions(file, shipped_topics())
        assert [q.text for q in questions if q.text.lower().strip() in examples] == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("question\ttopic\nhi\tgreet\n", "column text"),
        ("text\ttopic\nhi\tgreeting\n", "line 2: 'greeting' is no topic"),
        ("text\ttopic\n\tgreet\n", "line 2 has no text"),
        ("text\ttopic\n", "no question"),
    ],
)
def test_an_odd_file_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "q.tsv").write_text(content)
    with pytest.raises(QuestionsError, match=says):
        read_questions(tmp_path / "q.tsv", shipped_topics())
