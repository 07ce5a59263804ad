"""The examination is honest: nothing in it was, or nearly was, learnt."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from rapidfuzz import fuzz, process

from bot.nlu.encoder import Encoder
from bot.settings import ROOT, current

HELD_OUT = ROOT / "tests" / "held_out"
QUESTIONS = (
    "questions.tsv",
    "fresh_questions.tsv",
    "real_questions.tsv",
    "odd_corners.tsv",
    "website_questions.tsv",
    "visitors_questions.tsv",
    "strangers_questions.tsv",
    "exam_questions.tsv",
    "double_questions.tsv",
    "follow_ups.tsv",
)
SENTENCES = (
    "danger.tsv",
    "danger_raw.tsv",
    "danger_fresh.tsv",
    "danger_last.tsv",
    "danger_exam.tsv",
    "../../data/danger_calibration.tsv",
)
# Short texts meet by chance: "how much is it" has few other words.
WORDS = 4
ALIKE, NEAR = 90, 0.97  # percent of the letters; cosine


def texts_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


@cache
def learnt(about: str) -> list[str]:
    if about == "danger":
        return texts_of(ROOT / "data" / "danger.tsv")
    topics = yaml.safe_load((ROOT / "data" / "nlu.yml").read_text(encoding="utf-8"))["nlu"]
    return [
        line.removeprefix("- ")
        for topic in topics
        for line in topic["examples"].strip().split("\n")
    ]


@cache
def long_ones(name: str) -> list[str]:
    return [text for text in texts_of(HELD_OUT / name) if len(text.split()) >= WORDS]


@pytest.mark.parametrize("name", [*QUESTIONS, *SENTENCES])
def test_nothing_is_spelt_nearly_like_what_was_learnt(name: str) -> None:
    examples = [text.lower() for text in learnt("danger" if "danger" in name else "topics")]
    asked = [text.lower() for text in long_ones(name)]
    alike = process.cdist(asked, examples, scorer=fuzz.ratio, score_cutoff=ALIKE, dtype=np.uint8)
    assert not [text for text, best in zip(asked, alike.max(axis=1), strict=True) if best]


@pytest.mark.parametrize("name", [*QUESTIONS, *SENTENCES])
def test_nothing_in_one_file_is_in_another(name: str) -> None:
    elsewhere = {
        text.lower() for other in (*QUESTIONS, *SENTENCES) if other != name
        for text in long_ones(other)
    }  # fmt: skip
    assert not elsewhere & {text.lower() for text in long_ones(name)}


@pytest.mark.model
@pytest.mark.parametrize("name", QUESTIONS)
def test_nothing_means_nearly_the_same_as_what_was_learnt(name: str, model: Path) -> None:
    settings = current()
    encoder = Encoder.load(settings.encoder, settings.models, weights_folder=settings.weights)
    # What the training kept: the vectors of all examples.
    with np.load(settings.models / "vectors" / f"{encoder.fingerprint}.npz") as kept:
        examples = kept["vectors"]
    asked = long_ones(name)
    near = (encoder.encode_all(asked) @ examples.T).max(axis=1)
    assert not [text for text, best in zip(asked, near, strict=True) if best >= NEAR]
