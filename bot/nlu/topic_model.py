"""Tells the topic of a message from its vector, and how sure that is. It knows no Rasa.

A ridge regression on Gaussian kernels around all examples gives each topic a score. How sure the
best one is, is learnt from messages of writers whom the model had not read (each writer in turn is
left out), so that a confidence means what it says for strangers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack, solve
from sklearn.linear_model import LogisticRegression

from bot.nlu.kernels import RIDGE, Floats, Regression, axes_of, graph_of, kernel
from bot.outcome import ANSWER_AT, MOST_SUGGESTIONS
from bot.topics import CONTACT, CRISIS, FALLBACK, TELL_ME_MORE

# Part of the training cache's key: raise it when what is learnt changes.
VERSION = "topic-model-4"
GRAPH = "topics.onnx"

# Chosen by the study in docs/decisions/0004-the-topic-model.md.
BALANCE = 0.5  # 0 counts every example alike, 1 every topic
MOST_JUDGED = 9_000  # examples that are read as a stranger's would be: those of the last writers
SEED = 1

# Of a part of a message: how sure it must be to stand for the whole, or beside it
# (docs/decisions/0004-the-topic-model.md).
QUESTION_AT, STATEMENT_AT, SECOND_AT = 0.85, 0.95, 0.7
# What follows an answer: how much likelier than elsewhere its own topic is, more of it, and another
# subject; and how sure it must be (the same page).
SAME, MORE, OTHER = 20.0, 20.0, 4.0
IN_CONTEXT_AT = 0.7
# Of a whole message: a clear answer, or what is clearly no topic of ours.
CLEAR_AT, HOPELESS_AT = 0.9, 0.02
_SUBJECTS = ("faq/", "practical/", "contact")
_QUESTION = re.compile(
    r"(?i)\?|^\W*(?:(?:and|also|plus|so|n|but|or|ok|oh|then|if so)\W+)*(?:how|what|whats|when|where"
    r"|who|why|which|is|are|do|does|did|can|could|will|would|should|have|has|any|must|may)\b"
)

# Said with a button these would make no sense.
NEVER_SUGGESTED = frozenset(
    {FALLBACK, CRISIS, TELL_ME_MORE, "just_joking", "greet", "goodbye", "thank", "affirm", "deny",
     "cancel", "complaint"}
)  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """What the thresholds must hold, on writers whom the model had not read."""

    wrong_at_most: float = 0.05  # share of messages in scope answered with another topic's answer
    refused_at_least: float = 0.96  # share of messages out of scope that get no answer
    suggested_at_least: float = 0.99  # share in scope that get an answer, or suggestions


@dataclass(frozen=True)
class Reading:
    """What a message seems to be about."""

    ranking: tuple[tuple[str, float], ...]  # topics with probability, likeliest first
    topic: str  # the likeliest in scope
    confidence: float  # that it is right; 0.5 where it is answered
    suggestions: tuple[str, ...]  # worth asking back with; none where it is hopeless
    also: str | None = None  # a second topic that is asked about

    @property
    def sure(self) -> bool:
        return self.confidence >= ANSWER_AT

    @property
    def offered(self) -> tuple[str, ...]:
        """Topics to choose from: where it is not sure, or, beside an answer, the next likeliest."""
        if not self.sure:
            return self.suggestions
        if self.confidence >= CLEAR_AT or self.also:
            return ()
        return tuple(topic for topic in self.suggestions if topic != self.topic)[:1]


@dataclass(frozen=True)
class Calibration:
    """From scores to confidences: a logistic regression, moved so that the threshold is 0.5."""

    weights: tuple[float, ...]
    intercept: float
    suggest_at: float  # the confidence from which suggestions are worth reading
    sharpness: float  # turns scores into the probabilities of the ranking

    def confidences(self, features: Floats) -> Floats:
        return _sigmoid(features @ np.array(self.weights, dtype=np.float32) + self.intercept)


class TopicModel:
    """A trained model. Reading changes nothing, so any number of threads may read."""

    def __init__(
        self,
        topics: Sequence[str],
        graph: bytes,
        calibration: Calibration,
    ) -> None:
        self._topics = np.array(topics)
        self._graph = graph
        self._regression = Regression(graph)
        self._calibration = calibration
        self._in_scope = self._topics != FALLBACK

    @classmethod
    def fit(
        cls,
        vectors: Floats,
        topics: Sequence[str],
        writers: Sequence[str],
        bounds: Bounds | None = None,
    ) -> TopicModel:
        """Learns from examples: one row of `vectors`, a topic and a writer for each.

        The last writers, by name, are left out in turn, and what strangers would have got sets the
        thresholds. With one writer nobody can be left out: then each tenth of the examples is.
        """
        # Here, because onnx is heavy and only building needs it.
        from bot.nlu.encoder_graph import rounded

        strangers = _groups(writers)
        order = np.argsort(strangers, kind="stable")
        vectors, strangers = vectors[order], strangers[order]
        names, labels = np.unique(np.array(topics)[order], return_inverse=True)
        axes = axes_of(vectors)
        places = rounded(vectors @ axes)
        starts = np.searchsorted(strangers, np.arange(strangers.max() + 2))
        first = int(min(starts[len(labels) - starts <= MOST_JUDGED][0], starts[-2]))
        learner = _Learner(places, labels, len(names), first)
        scores = np.zeros((len(labels), len(names)), dtype=np.float32)
        for start, stop in pairwise(starts[starts >= first]):
            scores[start:stop] = learner.scores_without(slice(start, stop))
        # What only one writer wrote of cannot be known without that writer: it tells nothing.
        known = [len(set(strangers[labels == label])) > 1 for label in range(len(names))]
        judged = np.array(known)[labels]
        judged[:first] = False
        calibration = _calibrated(scores[judged], labels[judged], names, bounds or Bounds())
        return cls(names.tolist(), graph_of(axes, places, learner.weights), calibration)

    def read(self, vector: Floats) -> Reading:
        """The topics of a message, likeliest first."""
        return self.read_all(vector[None, :])[0]

    def read_all(self, vectors: Floats) -> list[Reading]:
        """Of each row what `read` gives; the examples are gone through once."""
        scores = self._regression.scores(vectors)
        features, best = _features(scores, self._in_scope)
        confidences = self._calibration.confidences(features)
        shares = _softmax(self._calibration.sharpness * scores)
        return [
            self._reading(str(self._topics[first]), float(confidence), own)
            for first, confidence, own in zip(best, confidences, shares, strict=True)
        ]

    def _reading(self, topic: str, confidence: float, shares: Floats) -> Reading:
        order = np.argsort(-shares, kind="stable")
        ranking = tuple((str(self._topics[i]), float(shares[i])) for i in order)
        suggestions: tuple[str, ...] = ()
        if confidence >= self._calibration.suggest_at:
            worth = (other for other, _ in ranking if other not in NEVER_SUGGESTED)
            suggestions = tuple(islice(worth, MOST_SUGGESTIONS))
        return Reading(ranking, topic, confidence, suggestions)

    def save(self, folder: Path) -> None:
        (folder / GRAPH).write_bytes(self._graph)
        kept = {"topics": self._topics.tolist(), "calibration": vars(self._calibration)}
        (folder / "topics.json").write_text(json.dumps(kept), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TopicModel:
        """A saved model. Raises OSError or ValueError when it is not whole."""
        kept = json.loads((folder / "topics.json").read_text(encoding="utf-8"))
        calibration = Calibration(
            **{**kept["calibration"], "weights": tuple(kept["calibration"]["weights"])}
        )
        return cls(kept["topics"], (folder / GRAPH).read_bytes(), calibration)


def put_together(whole: Reading, parts: Sequence[tuple[str, Reading]]) -> Reading:
    """What a message is about, from the whole of it and from each part with its words.

    The whole decides where it is sure; a story may hide a question, and two questions want two
    answers.
    """
    found: dict[str, Reading] = {}
    asked: dict[str, Reading] = {}
    for text, part in sorted(parts, key=lambda pair: -pair[1].confidence):
        if part.topic.startswith(_SUBJECTS):
            found.setdefault(part.topic, part)
            if _QUESTION.search(text):
                asked.setdefault(part.topic, part)
    first = whole
    if not (whole.sure and whole.topic.startswith(_SUBJECTS)):
        question = next(iter(asked.values()), None)
        statement = next(iter(found.values()), None)
        if question is not None and question.confidence >= QUESTION_AT:
            first = question
        elif not whole.sure and statement is not None and statement.confidence >= STATEMENT_AT:
            first = statement
    others = (part for part in asked.values() if part.topic not in (first.topic, CONTACT))
    second = next(others, None)
    if second is None or second.confidence < SECOND_AT:
        return first
    supported = first.topic in found and found[first.topic].sure
    return replace(first, also=second.topic) if supported else first


def in_context(reading: Reading) -> dict[str, str]:
    """What a message that alone is not understood asks for, by the topic answered before it.

    That topic once more, or `tell_me_more`; topics after which nothing is clear are left out.
    """
    shares = dict(reading.ranking)
    more = MORE * shares.pop(TELL_ME_MORE, 0.0)
    others = sum(shares.values()) + (OTHER - 1) * shares.get(FALLBACK, 0.0)
    found = {}
    for topic, share in shares.items():
        same = SAME * share
        if topic.startswith(("faq/", "practical/")) and (
            same + more >= IN_CONTEXT_AT * (same + more + others - share)
        ):
            found[topic] = topic if same > more else TELL_ME_MORE
    return found


def says_enough(reading: Reading) -> bool:
    """Whether a slower encoder would hardly say something else (docs/decisions/0004)."""
    if reading.confidence < HOPELESS_AT:
        return not in_context(reading)
    return reading.confidence >= CLEAR_AT and reading.also is None


class _Learner:
    """Solves the regression for all writers; what it would say without one of them follows.

    With G = LLᵀ the kernels and the ridge, and a = G⁻¹y its weights, a run of rows g that had been
    left out would be missed by (G⁻¹)gg⁻¹ a(g), and (G⁻¹)gg follows from the columns g of L⁻¹.
    """

    def __init__(
        self, places: Floats, labels: npt.NDArray[np.int64], topics: int, first: int
    ) -> None:
        """`first` is the first row that may be left out."""
        counts = np.bincount(labels, minlength=topics)
        share = (len(labels) / (topics * counts[labels])) ** BALANCE
        self._targets = np.eye(topics, dtype=np.float32)[labels] - np.float32(1 / topics)
        kernels = kernel(places, places).T  # the same, in the order of LAPACK
        kernels[np.diag_indices(len(labels))] += RIDGE / share
        # Single precision: a third of the time, and no score that differs by more than 0.00002.
        factor, _ = lapack.spotrf(kernels, lower=True, overwrite_a=True)
        self.weights, _ = lapack.spotrs(factor, self._targets, lower=True)
        # The last columns of L⁻¹ have zeros above, and below what the last of L gives alone.
        self._inverse, _ = lapack.strtri(factor[first:, first:], lower=True)
        self._first = first

    def scores_without(self, own: slice) -> Floats:
        """What a model that had not learnt from these rows would make of them."""
        start, stop = own.start - self._first, own.stop - self._first
        columns = self._inverse[start:, start:stop]
        missed = solve(columns.T @ columns, self.weights[own], assume_a="pos", overwrite_a=True)
        found: Floats = self._targets[own] - missed
        return found


def _calibrated(
    scores: Floats, labels: npt.NDArray[np.int64], names: npt.NDArray[np.str_], bounds: Bounds
) -> Calibration:
    """Learns what the scores of unread writers were worth; sets thresholds by the bounds."""
    in_scope = names != FALLBACK
    features, best = _features(scores, in_scope)
    asked = in_scope[labels]
    right = best == labels
    regression = LogisticRegression(C=1e3, max_iter=1000).fit(features, right)
    logits = features @ regression.coef_[0] + regression.intercept_[0]
    threshold = max(
        _threshold(logits[asked & ~right], int(bounds.wrong_at_most * asked.sum())),
        _threshold(logits[~asked], int((1 - bounds.refused_at_least) * (~asked).sum())),
    )
    sure = np.sort(logits[asked])
    suggest_at = sure[int((1 - bounds.suggested_at_least) * len(sure))] if len(sure) else 0.0
    return Calibration(
        weights=tuple(float(weight) for weight in regression.coef_[0]),
        intercept=float(regression.intercept_[0] - threshold),
        suggest_at=min(ANSWER_AT, float(1 / (1 + np.exp(threshold - suggest_at)))),
        sharpness=_sharpness(scores, labels),
    )


def _threshold(unwanted: npt.NDArray[np.float64], at_most: int) -> float:
    """The lowest value that at most so many of the unwanted exceed."""
    descending = np.sort(unwanted)[::-1]
    return float(descending[at_most]) + 1e-6 if at_most < len(descending) else -np.inf


def _features(
    scores: Floats, in_scope: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """What tells a sure reading: the best score in scope, its lead there, and over the rest."""
    inside = np.where(in_scope, scores, -np.inf)
    best = inside.argmax(axis=1)
    two = np.partition(inside, -2, axis=1)[:, -2:]
    outside = np.where(in_scope, -np.inf, scores).max(axis=1, initial=-1.0)
    features = np.stack([two[:, 1], two[:, 1] - two[:, 0], two[:, 1] - outside], axis=1)
    return features.astype(np.float32), best


def _sharpness(scores: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The factor at which the ranking's probabilities fit best what the unread writers meant."""
    rows = np.arange(len(labels))
    factors = np.geomspace(1.0, 40.0, 30)
    losses = [
        -np.log(np.maximum(_softmax(factor * scores)[rows, labels], 1e-9)).mean()
        for factor in factors
    ]
    return float(factors[int(np.argmin(losses))])


def _groups(writers: Sequence[str]) -> npt.NDArray[np.int64]:
    _, groups = np.unique(np.array(writers), return_inverse=True)
    if groups.max() == 0:
        groups = np.random.default_rng(SEED).permutation(len(writers)) % 10
    return groups


def _softmax(scores: Floats) -> Floats:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _sigmoid(value: Floats) -> Floats:
    return 1 / (1 + np.exp(-value))
