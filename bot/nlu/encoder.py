"""Turns a text into a vector that says what it means; the same text always gives the same vector.

Texts go one at a time, each on one thread: more threads a text fight with the server for cores.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from onnxruntime import ExecutionMode, InferenceSession, SessionOptions
from tokenizers import Tokenizer

from bot.nlu.weights import LARGE, NETWORK, SMALL, TOKENIZER, Weights, official_files, sha256

Vector = npt.NDArray[np.float32]

GRAPH = "model.onnx"
DIGESTS = "digests.json"
MAX_TOKENS = 128
RECENT = 128  # readings kept in memory, of about 80 kB
# Part of the built folder's name and of every cache's key: raise it when the graph changes.
RECIPE = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What the encoder makes of a text."""

    vector: Vector  # of length one
    states: Vector  # a row for each token: what goes into the encoder's last layers


class Encoder:
    """A built encoder. Any number of threads may use it."""

    def __init__(self, folder: Path) -> None:
        session = one_thread_session(folder / GRAPH)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._compute = partial(_reading, session)
        self._recall = lru_cache(maxsize=RECENT)(self._compute)
        self.dimension: int = session.get_outputs()[0].shape[1]
        self.fingerprint = folder.name

    @classmethod
    def load(cls, name: str, models_folder: Path, *, weights_folder: Path | None = None) -> Encoder:
        """The encoder of that name, built at the first call; later ones share it."""
        official = {weights.name: weights for weights in (SMALL, LARGE)}
        if name not in official:
            raise ValueError(f"BOT_ENCODER is {name!r}; give {' or '.join(sorted(official))}")
        return _opened(built(official[name], models_folder, weights_folder=weights_folder))

    def encode(self, text: str) -> Vector:
        """A vector of length one, from the first 128 tokens."""
        return self.read(text).vector

    def read(self, text: str) -> Reading:
        """The vector of a text, and the states that lead to it."""
        return self._recall(self._tokens(text))

    def encode_all(self, texts: Sequence[str], *, workers: int | None = None) -> Vector:
        """A row for each text, equal to `encode`'s; `workers` threads, or one for each core."""
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            rows = list(pool.map(lambda text: self._compute(self._tokens(text)).vector, texts))
        return np.array(rows, dtype=np.float32).reshape(-1, self.dimension)

    def _tokens(self, text: str) -> tuple[int, ...]:
        # Half of a surrogate pair, which JSON can carry, is no text to the tokenizer.
        text = text.encode(errors="replace").decode()
        return tuple(self._tokenizer.encode(text).ids)


def built(weights: Weights, models_folder: Path, *, weights_folder: Path | None = None) -> Path:
    """The built encoder's folder; made when it is not there, and made again when it is damaged."""
    digest = weights.digests[NETWORK][:12]
    folder = models_folder / "encoders" / f"{weights.name}-{digest}-{RECIPE}"
    if not _is_whole(folder):
        if folder.exists():
            logger.warning("built encoder %s is damaged and is built again", folder.name)
        started = time.monotonic()
        _build(weights, folder, weights_folder)
        logger.info("built encoder %s in %.0f s", folder.name, time.monotonic() - started)
    return folder


@lru_cache(maxsize=2)
def _opened(folder: Path) -> Encoder:
    """One for each folder: a swap of models needs no second copy in memory."""
    return Encoder(folder)


def one_thread_session(graph: Path) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ExecutionMode.ORT_SEQUENTIAL
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _reading(session: InferenceSession, tokens: tuple[int, ...]) -> Reading:
    ids = np.array([tokens], dtype=np.int64)
    vectors, states = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    for found in (vectors, states):
        found.setflags(write=False)
    return Reading(vectors[0], states[0])


def _is_whole(folder: Path) -> bool:
    try:
        digests = json.loads((folder / DIGESTS).read_text())
        return bool(digests == {name: sha256(folder / name) for name in (GRAPH, TOKENIZER)})
    except (OSError, ValueError):
        return False


def _build(weights: Weights, folder: Path, weights_folder: Path | None) -> None:
    """Two processes may do this at once: the files are the same, and each appears whole."""
    # Here, because onnx is heavy and only building needs it.
    from safetensors.numpy import load_file

    from bot.nlu.encoder_graph import sentence_graph

    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".building-", dir=folder.parent) as scratch:
        official = official_files(weights, Path(scratch), folder=weights_folder)
        graph = sentence_graph(
            load_file(official / NETWORK),
            heads=weights.heads,
            epsilon=weights.epsilon,
            tokens=MAX_TOKENS,
            int8=True,
            last_layers=weights.last_layers,
        )
        files = {
            GRAPH: graph.SerializeToString(),
            TOKENIZER: (official / TOKENIZER).read_bytes(),
        }
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        # Last: without it the others do not count.
        files[DIGESTS] = json.dumps(digests).encode()
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            Path(scratch, name).write_bytes(content)
            os.replace(Path(scratch, name), folder / name)
