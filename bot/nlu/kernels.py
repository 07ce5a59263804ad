"""What the topic model and the danger model share: Gaussian kernels on projected vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.nlu.encoder import one_thread_session

Floats = npt.NDArray[np.float32]

# Chosen by the studies in docs/decisions/0004 and 0006.
AXES = 384  # that a vector is projected on
WIDTH = 2.0  # of a kernel: exp(WIDTH * (cosine - 1))
RIDGE = 0.1


def axes_of(vectors: Floats) -> Floats:
    """The directions in which the vectors differ most, a column each."""
    # The singular vectors, by way of a matrix that has a row for each number of a vector.
    return np.ascontiguousarray(np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, :AXES])


def kernel(vectors: Floats, places: Floats) -> Floats:
    """How near each vector, projected, is to each place: a row for each vector."""
    near: Floats = vectors @ places.T
    near -= 1
    near *= WIDTH
    return np.exp(near, out=near)  # in place: among all examples this is a gigabyte


def graph_of(axes: Floats, places: Floats, weights: Floats) -> bytes:
    """What `Regression` opens; `weights` has a column for each score."""
    # Here, because onnx is heavy and only building needs it.
    from bot.nlu.encoder_graph import kernel_graph

    return bytes(kernel_graph(axes, places, weights, width=WIDTH).SerializeToString())


class Regression:
    """A kernel regression that has learnt. Any number of threads may ask it."""

    def __init__(self, graph: Path | bytes) -> None:
        self._session = one_thread_session(graph)

    def scores(self, vectors: Floats) -> Floats:
        """A row of scores for each row."""
        found: Floats = self._session.run(["scores"], {"vectors": vectors})[0]
        return found
