"""Tells whether a message shows danger. It knows no Rasa.

For each encoder two learners look, and their scores are added: last layers of the encoder that
were taught to see danger (scripts/train_danger.py), and a kernel regression around every sentence
of data/danger.tsv. Both are shipped, with their digests, so that the danger model needs no training
and never changes unseen; `bot.nlu.danger_shipping` makes the files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnxruntime import InferenceSession

from bot.crisis import KINDS
from bot.nlu.encoder import (
    DIGESTS,
    READERS,
    RECIPE,
    Encoder,
    Reading,
    members_of,
    one_thread_session,
    runs_of,
)
from bot.nlu.kernels import Floats, Regression
from bot.nlu.parts import parts_of
from bot.nlu.weights import sha256
from bot.settings import Settings

FOLDER = Path(__file__).with_name("danger")
TAIL, SENTENCES, FACTS = "tail.onnx", "sentences.onnx", "facts.json"
FILES = (TAIL, SENTENCES, FACTS)

# Chosen by the study in docs/decisions/0006-the-danger-model.md.
TAIL_WEIGHT = 0.7  # of the taught layers' score, beside the kernels'
KIND_AT, FIRST_KIND_AT = 0.5, 0.35  # a kind's probability; that of the likeliest one
# The probability of being in between from which a message gets the line, not the full reply; that
# from which it gets the line whatever its score.
BETWEEN_AT, LINE_AT = 0.5, 0.3

# The first outputs of the taught layers (KINDS of scripts/train_danger.py); those of harmless
# messages come after them.
DANGERS = (
    "suicidal_direct", "suicidal_passive", "self_harm", "plan_or_means", "goodbye", "overdose",
    "abuse_now", "child", "someone_else", "harm_to_others",
)  # fmt: skip
# The kinds that call for helplines of their own (`bot.crisis.KINDS`).
HELP = {
    "overdose": "overdose",
    "harm_to_others": "harm_to_others",
    "child": "child",
    "abuse_now": "abuse",
    "someone_else": "someone_else",
}


class DangerModelError(Exception):
    """The shipped files are not whole, or fit another encoder; the message says what to do."""


@dataclass(frozen=True)
class Suspicion:
    """How much a text looks like danger: by each encoder, -1.7 for harmless to 1.7 for danger."""

    score: float
    kinds: tuple[str, ...]  # of help, most urgent first
    between: float = 0.0  # probability that it is about the subject, or a history that is over

    @property
    def is_in_between(self) -> bool:
        return self.between >= BETWEEN_AT


@dataclass(frozen=True)
class Member:
    """What one encoder's readings are judged by."""

    tail: InferenceSession
    neighbours: Regression

    def suspicion(self, whole: Reading, parts: Sequence[Reading]) -> Suspicion:
        """Of a message: the mean of the whole of it and its worst part."""
        suspicions = self._of_texts([whole, *parts])
        worst = max(suspicions[1:], key=lambda s: s.score, default=suspicions[0])
        kinds = (*suspicions[0].kinds, *worst.kinds)
        between = (suspicions[0].between + worst.between) / 2
        return Suspicion((suspicions[0].score + worst.score) / 2, kinds, between)

    def _of_texts(self, readings: Sequence[Reading]) -> list[Suspicion]:
        found = []
        for run in runs_of(readings, lambda reading: len(reading.states)):
            states = [reading.states for reading in run]
            inputs = {
                "states": np.concatenate(states),
                "members": members_of([len(rows) for rows in states]),
            }
            found.append(self.tail.run(["tier", "kind"], inputs))
        tiers, kinds = (np.concatenate(outputs) for outputs in zip(*found, strict=True))
        none, between, full = (np.exp(tiers) / np.exp(tiers).sum(axis=1, keepdims=True)).T
        scores = self.neighbours.scores(np.stack([reading.vector for reading in readings]))
        scores = scores[:, 0] + TAIL_WEIGHT * (full - none)
        shares = 1 / (1 + np.exp(-kinds))
        return [
            Suspicion(float(score), _kinds(own), float(middle))
            for score, own, middle in zip(scores, shares, between, strict=True)
        ]


def _kinds(shares: Floats) -> tuple[str, ...]:
    """The kinds of help that the probabilities call for."""
    of_danger = dict(zip(DANGERS, shares, strict=False))
    likeliest = max(of_danger, key=of_danger.__getitem__)
    return tuple(
        HELP[kind]
        for kind, share in of_danger.items()
        if kind in HELP and share >= (FIRST_KIND_AT if kind == likeliest else KIND_AT)
    )


class DangerModel:
    """One member for each encoder that looks, the quickest first. Any number of threads may ask it.

    Where a member sees less than `quiet_at`, far less than it ever saw in danger, the slower ones
    are not asked.
    """

    def __init__(
        self,
        members: Mapping[Encoder, Member],
        *,
        full_at: float = 0.0,
        soft_at: float = 0.0,
        quiet_at: float = -math.inf,
        version: str = "",
    ) -> None:
        self.version = version  # of the shipped files: another one may see something else
        self._members = members
        self._full_at = full_at
        self._soft_at = soft_at
        self._quiet_at = quiet_at

    @classmethod
    def shipped(cls, encoder: str, settings: Settings) -> DangerModel:
        """The model for that setting of BOT_ENCODER. `DangerModelError` when it is not whole."""
        facts = _facts(FOLDER / encoder)
        version = sha256(FOLDER / encoder / DIGESTS)[:12]
        members = shipped_members(READERS[encoder], settings)
        return cls(members, **facts["thresholds"], version=version)

    def tier_of(self, suspicion: Suspicion) -> Literal["full", "soft"] | None:
        if suspicion.is_in_between:
            return "soft"
        if suspicion.score >= self._full_at:
            return "full"
        shows_line = suspicion.score >= self._soft_at or suspicion.between >= LINE_AT
        return "soft" if shows_line else None

    def suspicion(self, text: str) -> Suspicion:
        """Of a message as it was written: the members' scores together, and all kinds."""
        texts = [text, *parts_of(text)]
        found = []
        for encoder, member in self._members.items():
            whole, *parts = encoder.read_all(texts)
            found.append(member.suspicion(whole, parts))
            if found[-1].score < self._quiet_at:
                break
        kinds = {kind for suspicion in found for kind in suspicion.kinds}
        # Who was not asked counts as those who were.
        asked = max(1, len(found))
        return Suspicion(
            sum(suspicion.score for suspicion in found) * len(self._members) / asked,
            tuple(kind for kind in KINDS if kind in kinds),
            sum(suspicion.between for suspicion in found) / asked,
        )


def shipped_members(encoders: Sequence[str], settings: Settings) -> dict[Encoder, Member]:
    """The members of those encoders, each with its encoder."""
    return {
        Encoder.load(name, settings.models, weights_folder=settings.weights): _member(FOLDER / name)
        for name in encoders
    }


def _facts(folder: Path) -> Any:
    try:
        digests = json.loads((folder / DIGESTS).read_text())
        whole = digests == {name: sha256(folder / name) for name in FILES}
        facts = json.loads((folder / FACTS).read_text())
    except (OSError, ValueError) as error:
        raise DangerModelError(f"{folder} is not whole ({error}); check it out again") from error
    if not whole:
        raise DangerModelError(f"a file of {folder} is damaged; check it out again")
    if facts["recipe"] != RECIPE:
        raise DangerModelError(f"{folder} fits another encoder; run `python -m bot ship-danger`")
    return facts


@lru_cache(maxsize=2)
def _member(folder: Path) -> Member:
    _facts(folder)
    return Member(one_thread_session(folder / TAIL), Regression(folder / SENTENCES))
