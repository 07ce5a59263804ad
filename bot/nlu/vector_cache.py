"""Keeps the vectors of the last training on disk, so that the next one encodes only new texts."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

import numpy as np

from bot.nlu.encoder import Encoder, Vector

logger = logging.getLogger(__name__)


class VectorCache:
    """One file for each encoder. It holds digests of texts, not the texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def encode_all(
        self, encoder: Encoder, texts: Sequence[str], *, workers: int | None = None
    ) -> Vector:
        """A row for each text. All texts of a training belong in one call: others are dropped."""
        path = self._folder / f"{encoder.fingerprint}.npz"
        known = _read(path)
        wanted = {_digest(text): text for text in texts}
        new = {digest: text for digest, text in wanted.items() if digest not in known}
        vectors = encoder.encode_all(list(new.values()), workers=workers)
        known.update(zip(new, vectors, strict=True))
        if new or len(known) > len(wanted):
            _write(path, {digest: known[digest] for digest in wanted})
        logger.info("encoded %d texts, %d of them new", len(wanted), len(new))
        rows = [known[_digest(text)] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, encoder.dimension)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, Vector]:
    try:
        # Opened here, because np.load leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as kept:
            return dict(zip(kept["digests"].tolist(), kept["vectors"], strict=True))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        logger.warning("%s cannot be read and is made anew (%s)", path, type(error).__name__)
        return {}


def _write(path: Path, vectors: dict[str, Vector]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".writing-", dir=path.parent) as scratch:
        new = Path(scratch, path.name)
        np.savez(new, digests=np.array(list(vectors)), vectors=np.array(list(vectors.values())))
        os.replace(new, path)
