"""Counts what visitors would have got. It knows no Rasa and draws nothing."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.outcome import Outcome
from bot.topics import FALLBACK, Topics


class QuestionsError(ValueError):
    """A file of questions that cannot be used; the message names the line and what would do."""


@dataclass(frozen=True)
class Question:
    """What a visitor asks, and the topic that it should be understood as."""

    text: str
    topic: str
    style: str = ""
    also: str | None = None  # a second topic, where two things are asked

    @property
    def topics(self) -> set[str]:
        return {self.topic, self.also} if self.also else {self.topic}


@dataclass(frozen=True)
class Result:
    """A question, and what was made of it."""

    question: Question
    guess: str  # the likeliest topic, answered or not
    outcome: Outcome

    @property
    def in_scope(self) -> bool:
        return self.question.topic != FALLBACK

    @property
    def answered(self) -> bool:
        return self.outcome.kind == "answer"

    @property
    def right_guess(self) -> bool:
        return self.guess in self.question.topics

    @property
    def right_answer(self) -> bool:
        return self.answered and self.outcome.topic in self.question.topics

    @property
    def suggested(self) -> bool:
        """Whether the right topic was offered: to choose from, or beside another's answer."""
        return bool(self.question.topics & set(self.outcome.suggestions))

    @property
    def heard_both(self) -> bool:
        return {self.outcome.topic, self.outcome.also} == self.question.topics


@dataclass(frozen=True)
class Scores:
    """Shares from 0 to 1, of questions in scope unless it says otherwise; None of none."""

    questions: int
    in_scope: int
    top1: float | None  # the likeliest topic is right, answered or asked back
    answered_right: float | None
    answered_or_suggested: float | None
    answered_wrong: float | None
    asked_back: float | None
    not_understood: float | None
    out_of_scope_refused: float | None  # of questions out of scope
    both_answered: float | None  # of messages that ask two things
    second_invented: float | None  # of those in scope that ask one


def read_questions(path: Path, topics: Topics) -> list[Question]:
    """Reads a TSV with a header; `text` and `topic` are needed, `style` is welcome.

    A message that asks two things has both topics, with a plus between.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if missing := {"text", "topic"} - set(rows.fieldnames or ()):
            raise QuestionsError(f"{path} needs a first line with the column {missing.pop()}")
        questions = []
        for number, row in enumerate(rows, start=2):
            topic, _, also = (row["topic"] or "").partition("+")
            if not row["text"] or topic not in topics or (also and also not in topics):
                raise QuestionsError(
                    f"{path}, line {number}: {row['topic']!r} is no topic of bot/topics.yml"
                    if row["text"]
                    else f"{path}, line {number} has no text"
                )
            questions.append(Question(row["text"], topic, row.get("style") or "", also or None))
    if not questions:
        raise QuestionsError(f"{path} holds no question")
    return questions


def scores(results: Sequence[Result]) -> Scores:
    inside = [result for result in results if result.in_scope]
    outside = [result for result in results if not result.in_scope]
    return Scores(
        questions=len(results),
        in_scope=len(inside),
        top1=_share(result.right_guess for result in inside),
        answered_right=_share(result.right_answer for result in inside),
        answered_or_suggested=_share(r.right_answer or r.suggested for r in inside),
        answered_wrong=_share(r.answered and not r.right_answer for r in inside),
        asked_back=_share(r.outcome.kind == "suggestions" for r in inside),
        not_understood=_share(r.outcome.kind == "unknown" for r in inside),
        out_of_scope_refused=_share(not result.answered for result in outside),
        both_answered=_share(r.heard_both for r in inside if r.question.also),
        second_invented=_share(bool(r.outcome.also) for r in inside if not r.question.also),
    )


def by_topic(results: Sequence[Result]) -> dict[str, Scores]:
    return _grouped(results, [result.question.topic for result in results])


def by_style(results: Sequence[Result]) -> dict[str, Scores]:
    return _grouped(results, [result.question.style for result in results])


def mistakes(results: Sequence[Result]) -> list[Result]:
    """What needs a look: wrong answers, answers to what is out of scope, wrong guesses."""

    def rank(result: Result) -> tuple[int, float]:
        worst = 0 if result.answered and result.in_scope else 1 if result.answered else 2
        return worst, -result.outcome.confidence

    wrong = (r for r in results if (r.in_scope and not r.right_guess) or _wrongly_answered(r))
    return sorted(wrong, key=rank)


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "overall": vars(scores(results)),
        "topics": {topic: vars(group) for topic, group in by_topic(results).items()},
        "styles": {style: vars(group) for style, group in by_style(results).items()},
        "mistakes": [
            {
                "text": result.question.text,
                "topic": result.question.topic,
                "guess": result.guess,
                "kind": result.outcome.kind,
                "confidence": round(result.outcome.confidence, 4),
                "suggestions": list(result.outcome.suggestions),
            }
            for result in mistakes(results)
        ],
    }


def _wrongly_answered(result: Result) -> bool:
    return result.answered and not result.right_answer


def _grouped(results: Sequence[Result], keys: Sequence[str]) -> dict[str, Scores]:
    groups: dict[str, list[Result]] = {}
    for key, result in zip(keys, results, strict=True):
        groups.setdefault(key, []).append(result)
    return {key: scores(group) for key, group in groups.items()}


def _share(truths: Iterable[bool]) -> float | None:
    known = list(truths)
    return sum(known) / len(known) if known else None
