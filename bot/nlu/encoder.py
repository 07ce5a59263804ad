"""Turns a text into a vector that says what it means; the same text gives the same vector.

(But for the rounding of whole numbers, which depends on what is read beside it: cosine 0.999.)

Several texts go through the network side by side, for most of the time goes into fetching its
weights; each such run is on one thread, since more of them fight with the server for cores.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from onnxruntime import ExecutionMode, InferenceSession, SessionOptions
from tokenizers import Tokenizer

from bot.nlu.weights import LARGE, NETWORK, SMALL, TOKENIZER, Weights, official_files, sha256

Vector = npt.NDArray[np.float32]
Tokens = tuple[int, ...]  # of one text
Text = TypeVar("Text")

GRAPH = "model.onnx"
DIGESTS = "digests.json"
MAX_TOKENS = 128  # of a text, and of all texts in one run
# Which encoders read a message, by the setting, the quickest first: where that says enough the
# other is not asked, and where not it sees what the other misses (docs/decisions/0004 and 0006).
READERS = {LARGE.name: (SMALL.name, LARGE.name), SMALL.name: (SMALL.name,)}
RECENT = 128  # readings kept in memory, of about 80 kB
# Part of the built folder's name and of every cache's key: raise it when the graph changes.
RECIPE = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What the encoder makes of a text."""

    vector: Vector  # of length one
    states: Vector  # a row for each token: what goes into the encoder's last layers


class Encoder:
    """A built encoder. Any number of threads may use it."""

    def __init__(self, folder: Path) -> None:
        self._session = one_thread_session(folder / GRAPH)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._recent: OrderedDict[Tokens, Reading] = OrderedDict()
        self._recent_lock = Lock()
        self.dimension: int = self._session.get_outputs()[0].shape[1]
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
        return self.read_all([text])[0]

    def read_all(self, texts: Sequence[str]) -> list[Reading]:
        """Of each text what `read` gives; in less time than one after the other."""
        wanted = [self._tokens(text) for text in texts]
        found = self._recalled(wanted)
        new = [tokens for tokens in dict.fromkeys(wanted) if tokens not in found]
        for run in runs_of(new, len):
            found.update(zip(run, self._compute(run), strict=True))
        self._remember(found)
        return [found[tokens] for tokens in wanted]

    def encode_all(self, texts: Sequence[str], *, workers: int | None = None) -> Vector:
        """A row for each text, as by `encode`; `workers` threads, or one for each core."""
        runs = runs_of([self._tokens(text) for text in texts], len)
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            rows = [reading.vector for run in pool.map(self._compute, runs) for reading in run]
        return np.array(rows, dtype=np.float32).reshape(-1, self.dimension)

    def _tokens(self, text: str) -> Tokens:
        # Half of a surrogate pair, which JSON can carry, is no text to the tokenizer.
        text = text.encode(errors="replace").decode()
        return tuple(self._tokenizer.encode(text).ids)

    def _compute(self, run: Sequence[Tokens]) -> list[Reading]:
        """What the network makes of texts that fit into one run."""
        lengths = [len(tokens) for tokens in run]
        vectors, states = self._session.run(
            None,
            {
                "input_ids": np.array([i for tokens in run for i in tokens], dtype=np.int64),
                "positions": np.concatenate([np.arange(length) for length in lengths]),
                "members": members_of(lengths),
            },
        )
        for found in (vectors, states):
            found.setflags(write=False)
        return list(map(Reading, vectors, np.split(states, np.cumsum(lengths)[:-1])))

    def _recalled(self, wanted: Sequence[Tokens]) -> dict[Tokens, Reading]:
        with self._recent_lock:
            return {tokens: self._recent[tokens] for tokens in wanted if tokens in self._recent}

    def _remember(self, found: Mapping[Tokens, Reading]) -> None:
        with self._recent_lock:
            for tokens, reading in found.items():
                self._recent[tokens] = reading
                self._recent.move_to_end(tokens)
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)


def readers(name: str, models_folder: Path, *, weights_folder: Path | None = None) -> list[Encoder]:
    """The encoders that read a message where the setting is that name, the quickest first."""
    return [
        Encoder.load(reader, models_folder, weights_folder=weights_folder)
        for reader in READERS.get(name, (name,))
    ]


def side_by_side(vectors: Sequence[Vector]) -> Vector:
    """Rows of length one, from each reader's rows for the same texts."""
    return np.concatenate(vectors, axis=1) / np.sqrt(np.float32(len(vectors)))


def runs_of(texts: Sequence[Text], length: Callable[[Text], int]) -> list[list[Text]]:
    """The texts in their order, as many together as fit into one run of a network."""
    runs: list[list[Text]] = []
    room = 0
    for text in texts:
        if length(text) > room:
            runs.append([])
            room = MAX_TOKENS
        runs[-1].append(text)
        room -= length(text)
    return runs


def members_of(lengths: Sequence[int]) -> Vector:
    """Which tokens are whose: a row for each text, 1 at its own, of texts side by side."""
    return np.repeat(np.eye(len(lengths), dtype=np.float32), lengths, axis=1)


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


def one_thread_session(graph: Path | bytes) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ExecutionMode.ORT_SEQUENTIAL
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])


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
