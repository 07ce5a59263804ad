"""What each part of understanding brings: prints rows of docs/decisions/0004-the-topic-model.md.

    PYTHONPATH=. python scripts/study_topics.py FILE...

Every row is one way to go without something, on the questions of the files together (columns text,
topic). The danger guard is left aside. About a quarter of an hour on two cores the first time;
vectors are kept in models/vectors/study.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from bot.evaluation.scores import Question, Result, read_questions, scores
from bot.nlu.encoder import Encoder, side_by_side
from bot.nlu.kernels import Floats
from bot.nlu.parts import parts_of
from bot.nlu.spelling import Speller, words_of
from bot.nlu.topic_model import Reading, TopicModel, put_together
from bot.nlu.vector_cache import VectorCache
from bot.outcome import Outcome
from bot.settings import current
from bot.topics import FALLBACK, shipped_topics

SEED = 1
FEW = (10, 25, 50, 100, 200)  # examples of a topic


@dataclass(frozen=True)
class Example:
    text: str
    topic: str
    writer: str


@dataclass(frozen=True)
class Way:
    """How messages are understood."""

    name: str
    encoders: tuple[str, ...] = ("large", "small")
    spelling: bool = True
    parts: bool = True
    most: int = 10**6  # examples of a topic
    writers: int = 10**6


WAYS = (
    everything := Way("everything"),
    replace(everything, name="large encoder alone", encoders=("large",)),
    replace(everything, name="small encoder alone", encoders=("small",)),
    replace(everything, name="no spelling repair", spelling=False),
    replace(everything, name="no parts of messages", parts=False),
    *(replace(everything, name=f"{n} examples a topic", most=n) for n in FEW),
    *(replace(everything, name=f"{n} writers", writers=n) for n in range(2, 7)),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    files = parser.parse_args().files
    questions = [q for file in files for q in read_questions(file, shipped_topics())]
    examples = read_examples()
    speller = Speller(words_of([example.text for example in examples], at_least=3))
    vectors = Vectors([*(e.text for e in examples), *(q.text for q in questions)], speller)
    head = ("way", "examples", "at once", "answered", "or suggested", "wrong", "refused")
    print(("{:<24}" + "{:>13}" * 6).format(*head))
    for way in WAYS:
        learnt = some(examples, way)
        model = TopicModel.fit(
            np.stack([vectors.of(example.text, way) for example in learnt]),
            [example.topic for example in learnt],
            [example.writer for example in learnt],
        )
        found = scores([asked(question, model, vectors, way) for question in questions])
        shares = (
            found.top1,
            found.answered_right,
            found.answered_or_suggested,
            found.answered_wrong,
            found.out_of_scope_refused,
        )
        figures = "".join(f"{100 * (share or 0):>13.1f}" for share in shares)
        print(f"{way.name:<24}{len(learnt):>13}{figures}", flush=True)


def read_examples() -> list[Example]:
    topics = yaml.safe_load(Path("data/nlu.yml").read_text(encoding="utf-8"))["nlu"]
    return [
        Example(line.removeprefix("- "), topic["intent"], topic["metadata"]["writer"])
        for topic in topics
        for line in topic["examples"].strip().split("\n")
    ]


def some(examples: Sequence[Example], way: Way) -> list[Example]:
    """The examples of the first writers, drawn down to so many a topic."""
    chance = random.Random(SEED)  # noqa: S311 - a seed is wanted, not a secret
    writers = sorted({example.writer for example in examples})[: way.writers]
    of_topic: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.writer in writers:
            of_topic[example.topic].append(example)
    return [
        example
        for own in of_topic.values()
        for example in chance.sample(own, min(way.most, len(own)))
    ]


class Vectors:
    """The vectors of all texts and their parts, by both encoders, repaired and not."""

    def __init__(self, texts: Sequence[str], speller: Speller) -> None:
        settings = current()
        self._repaired = {text: speller.repair(text) for text in texts}
        written = [*texts, *self._repaired.values()]
        whole = list(dict.fromkeys([*written, *(p for text in written for p in parts_of(text))]))
        self._places = {text: place for place, text in enumerate(whole)}
        self._rows: Mapping[str, Floats] = {
            name: VectorCache(settings.models / "vectors" / "study").encode_all(
                Encoder.load(name, settings.models, weights_folder=settings.weights), whole
            )
            for name in ("small", "large")
        }

    def of(self, text: str, way: Way) -> Floats:
        """A vector of length one for the whole of a text."""
        return self._of(self._read(text, way), way)

    def of_parts(self, text: str, way: Way) -> Iterator[tuple[str, Floats]]:
        for part in parts_of(self._read(text, way)):
            yield part, self._of(part, way)

    def _read(self, text: str, way: Way) -> str:
        return self._repaired[text] if way.spelling else text

    def _of(self, text: str, way: Way) -> Floats:
        rows = [self._rows[name][None, self._places[text]] for name in way.encoders]
        return side_by_side(rows)[0]


def asked(question: Question, model: TopicModel, vectors: Vectors, way: Way) -> Result:
    """What a visitor would get."""
    reading: Reading = model.read(vectors.of(question.text, way))
    if way.parts:
        parts = vectors.of_parts(question.text, way)
        reading = put_together(reading, [(text, model.read(vector)) for text, vector in parts])
    topic, suggestions = reading.topic, reading.suggestions
    if reading.sure:
        outcome = Outcome("answer", topic, reading.confidence, also=reading.also)
    else:
        kind = "suggestions" if suggestions else "unknown"
        outcome = Outcome(kind, FALLBACK, reading.confidence, suggestions)
    return Result(question, topic, outcome)


if __name__ == "__main__":
    main()
