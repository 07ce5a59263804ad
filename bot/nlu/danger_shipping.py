"""Makes the files of `bot/nlu/danger/` from data/danger.tsv and taught layers. It knows no Rasa."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from safetensors.numpy import load_file
from scipy.linalg import solve

from bot.nlu.danger_model import (
    FACTS,
    FILES,
    FOLDER,
    SENTENCES,
    TAIL,
    DangerModel,
    Member,
    shipped_members,
)
from bot.nlu.encoder import (
    DIGESTS,
    MAX_TOKENS,
    READERS,
    RECIPE,
    Encoder,
    one_thread_session,
)
from bot.nlu.encoder_graph import rounded, tail_graph
from bot.nlu.kernels import RIDGE, Floats, Regression, axes_of, graph_of, kernel
from bot.nlu.parts import parts_of
from bot.nlu.vector_cache import VectorCache
from bot.nlu.weights import LARGE, SMALL, sha256
from bot.settings import ROOT, Settings
from bot.topics import CRISIS

FILE = ROOT / "data" / "danger.tsv"
CALIBRATION = ROOT / "data" / "danger_calibration.tsv"
# Learnt too, as harmless: parts of harmless messages, for a part alone says less than a message,
# and examples of topics, for people ask ordinary things in many ways.
PARTS, EXAMPLES = 2_000, 9_000
AIMS = {"none": -1.0, "soft": 0.0, "full": 1.0}
# Shares of harmless messages that may be shown the full reply, and any help.
FALSE_FULL, FALSE_HELP = 0.015, 0.09
# So far below the least score of danger the quickest encoder's word is enough.
QUIET_BELOW = 0.1
SEED = 1


@dataclass(frozen=True)
class Sentence:
    text: str
    tier: str


def ship(settings: Settings, tail: Path | None) -> str:
    """Writes the files for the encoder of the settings; returns the curve for people to read.

    The thresholds come from data/danger_calibration.tsv, of whose writers nothing is learnt. Ship
    the small encoder's files first: the large one's thresholds are for both together. Without
    `tail` the taught layers stay as they are.
    """
    encoder = Encoder.load(settings.encoder, settings.models, weights_folder=settings.weights)
    written = read_sentences()
    chance = random.Random(SEED)  # noqa: S311 - a seed is wanted, not a secret
    sentences = [*written]
    for harmless, most in ((_parts(written), PARTS), (_examples(), EXAMPLES)):
        sentences += chance.sample(harmless, min(most, len(harmless)))
    cache = VectorCache(settings.models / "vectors" / "danger")
    vectors = cache.encode_all(encoder, [sentence.text for sentence in sentences])
    axes = axes_of(vectors)
    places = rounded(vectors @ axes)
    aims = np.array([[AIMS[sentence.tier]] for sentence in sentences], dtype=np.float32)
    folder = FOLDER / settings.encoder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SENTENCES).write_bytes(graph_of(axes, places, _learnt(places, aims)))
    if tail:
        (folder / TAIL).write_bytes(_graph(settings.encoder, tail))
    member = Member(one_thread_session(folder / TAIL), Regression(folder / SENTENCES))
    quicker = shipped_members(READERS[settings.encoder][:-1], settings)
    strangers = read_sentences(CALIBRATION)
    tiers = np.array([sentence.tier for sentence in strangers])
    scores = _scores(DangerModel({**quicker, encoder: member}), strangers)
    full_at, soft_at = np.quantile(scores[tiers == "none"], [1 - FALSE_FULL, 1 - FALSE_HELP])
    thresholds = {"full_at": full_at, "soft_at": soft_at}
    if quicker:
        danger = [sentence for sentence in strangers if sentence.tier == "full"]
        thresholds["quiet_at"] = _scores(DangerModel(quicker), danger).min() - QUIET_BELOW
    facts = {
        "recipe": RECIPE,
        "sentences": hashlib.sha256(FILE.read_bytes()).hexdigest(),
        "thresholds": {name: round(float(at), 3) for name, at in thresholds.items()},
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    digests = {name: sha256(folder / name) for name in FILES}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
    return _curve(scores, tiers)


def read_sentences(path: Path = FILE) -> list[Sentence]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Sentence(row["text"], row["tier"]) for row in rows]


def _learnt(places: Floats, aims: Floats) -> Floats:
    """The weights that lead to the sentences' aims, as well as the ridge lets them."""
    kernels = kernel(places, places)
    kernels[np.diag_indices(len(aims))] += RIDGE
    found: Floats = solve(kernels, aims, assume_a="pos", overwrite_a=True, check_finite=False)
    return found


def _parts(sentences: Sequence[Sentence]) -> list[Sentence]:
    harmless = (sentence.text for sentence in sentences if sentence.tier == "none")
    return [Sentence(part, "none") for text in harmless for part in parts_of(text)]


def _examples() -> list[Sentence]:
    topics = yaml.safe_load((ROOT / "data" / "nlu.yml").read_text(encoding="utf-8"))["nlu"]
    return [
        Sentence(line.removeprefix("- "), "none")
        for topic in topics
        if topic["intent"] != CRISIS
        for line in topic["examples"].strip().split("\n")
    ]


def _graph(encoder: str, tail: Path) -> bytes:
    weights = {weights.name: weights for weights in (SMALL, LARGE)}[encoder]
    graph = tail_graph(
        load_file(tail),
        heads=weights.heads,
        epsilon=weights.epsilon,
        tokens=MAX_TOKENS,
        outputs=("tier", "kind"),
    )
    return bytes(graph.SerializeToString())


def _scores(model: DangerModel, sentences: Sequence[Sentence]) -> Floats:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(model.suspicion, [sentence.text for sentence in sentences])
        return np.fromiter((suspicion.score for suspicion in found), dtype=np.float32)


def _curve(scores: Floats, tiers: npt.NDArray[np.str_]) -> str:
    lines = ["A writer whom the model has not read: danger seen, at a share of false alarms"]
    for share in (0.005, 0.01, 0.02, 0.03, 0.05, 0.10, 0.15, 0.20):
        at = np.quantile(scores[tiers == "none"], 1 - share)
        seen = np.mean(scores[tiers == "full"] > at)
        lines.append(f"{100 * seen:7.1f}% at {100 * share:4.1f}% (score {at:.3f})")
    return "\n".join(lines)
