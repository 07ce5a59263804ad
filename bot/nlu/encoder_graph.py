"""Writes a sentence encoder as an ONNX graph. It knows BERT and MPNet, and no file or tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
Kind = tuple[int, Sequence[str | int]]  # of a value in the graph: its type and its shape

RELATIVE_BIAS = "encoder.relative_attention_bias.weight"
TOKEN_TYPES = "embeddings.token_type_embeddings.weight"  # noqa: S105 (a tensor's name)


@dataclass(frozen=True)
class Family:
    """What two kinds of network call the parts of a layer, and where their positions begin."""

    query: str
    key: str
    value: str
    output: str
    norm: str
    first_position: int


BERT = Family(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    output="attention.output.dense",
    norm="attention.output.LayerNorm",
    first_position=0,
)
MPNET = Family(
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    output="attention.attn.o",
    norm="attention.LayerNorm",
    first_position=2,  # 1 is padding
)


def sentence_graph(
    tensors: Mapping[str, Array],
    *,
    heads: int,
    epsilon: float,
    tokens: int,
    int8: bool,
    last_layers: int = 1,
) -> ModelProto:
    """From input_ids and attention_mask, both [batch, length], to sentence_vector of length one.

    A second output, states [batch, length, width], is what goes into the last layers. `tokens` is
    the greatest length. With `int8`, every matrix of weights is kept in whole numbers.
    """
    return _Network(tensors, heads, epsilon, tokens, int8).encoder(last_layers)


def tail_graph(
    tensors: Mapping[str, Array],
    *,
    heads: int,
    epsilon: float,
    tokens: int,
    outputs: tuple[str, ...],
) -> ModelProto:
    """From an encoder's states [batch, length, width] through other last layers to `outputs`.

    Each output is a linear map of the sentence's vector, by the tensors of its name. There is no
    mask: texts in a batch have one length. Weights are kept in whole numbers.
    """
    return _Network(tensors, heads, epsilon, tokens, int8=True).tail(outputs)


class _Network:
    """Collects nodes and constants. A value is known by its name in the graph."""

    def __init__(
        self, tensors: Mapping[str, Array], heads: int, epsilon: float, tokens: int, int8: bool
    ) -> None:
        self._tensors = tensors
        self._family = MPNET if RELATIVE_BIAS in tensors else BERT
        self._heads = heads
        self._epsilon = epsilon
        self._tokens = tokens
        self._int8 = int8
        self._width = tensors["encoder.layer.0.output.dense.weight"].shape[0]
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def encoder(self, last_layers: int) -> ModelProto:
        mask = self._apply("Cast", "attention_mask", to=TensorProto.FLOAT)
        length = self._apply("Shape", "input_ids", start=1)
        x = self._embeddings(length)
        bias = self._attention_bias(length, mask)
        prefixes = self._layers()
        for prefix in prefixes[:-last_layers]:
            x = self._layer(prefix, x, bias)
        self._output("states", x)
        for prefix in prefixes[-last_layers:]:
            x = self._layer(prefix, x, bias)
        # The sum over the tokens points where their mean does, and the length becomes one anyway.
        total = self._apply("MatMul", self._apply("Unsqueeze", mask, self._integers(1)), x)
        total = self._apply("Squeeze", total, self._integers(1))
        self._output("sentence_vector", self._apply("LpNormalization", total, axis=-1, p=2))
        ids = (TensorProto.INT64, ["batch", "length"])
        return self._model(
            {"input_ids": ids, "attention_mask": ids},
            {
                "sentence_vector": (TensorProto.FLOAT, ["batch", self._width]),
                "states": (TensorProto.FLOAT, ["batch", "length", self._width]),
            },
        )

    def tail(self, outputs: tuple[str, ...]) -> ModelProto:
        x = "states"
        bias = self._attention_bias(self._apply("Shape", x, start=1, end=2))
        for prefix in self._layers():
            x = self._layer(prefix, x, bias)
        total = self._apply("ReduceSum", x, self._integers(1), keepdims=0)
        vector = self._apply("LpNormalization", total, axis=-1, p=2)
        shapes: dict[str, Kind] = {}
        for name in outputs:
            weight, shift = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
            y = self._apply("Add", self._product(vector, weight.T), self._constant(shift))
            self._output(name, y)
            shapes[name] = (TensorProto.FLOAT, ["batch", len(weight)])
        return self._model(
            {"states": (TensorProto.FLOAT, ["batch", "length", self._width])}, shapes
        )

    def _layers(self) -> list[str]:
        """Where the names of each layer's tensors begin, the first layer first."""
        names = (f"encoder.layer.{number}." for number in count())
        return list(takewhile(lambda name: f"{name}output.dense.weight" in self._tensors, names))

    def _output(self, name: str, value: str) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def _model(
        self,
        inputs: Mapping[str, Kind],
        outputs: Mapping[str, Kind],
    ) -> ModelProto:
        ends = (
            [helper.make_tensor_value_info(name, *kind) for name, kind in side.items()]
            for side in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, "encoder", *ends, self._constants)
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])

    def _embeddings(self, length: str) -> str:
        words = self._tensors["embeddings.word_embeddings.weight"]
        first = self._family.first_position
        positions = self._tensors["embeddings.position_embeddings.weight"]
        positions = positions[first : first + self._tokens]
        if TOKEN_TYPES in self._tensors:
            positions = positions + self._tensors[TOKEN_TYPES][0]
        if self._int8:
            numbers, scale = _whole_numbers(words, axis=1, largest=127)
            x = self._apply("Gather", self._constant(numbers), "input_ids")
            x = self._apply("Cast", x, to=TensorProto.FLOAT)
            x = self._apply("Mul", x, self._apply("Gather", self._constant(scale), "input_ids"))
        else:
            x = self._apply("Gather", self._constant(words), "input_ids")
        start = self._integers(0)
        x = self._apply("Add", x, self._apply("Slice", self._constant(positions), start, length))
        return self._norm("embeddings.LayerNorm", x)

    def _attention_bias(self, length: str, mask: str | None = None) -> str:
        """Added to the scores: nothing attends to padding, and MPNet minds the distance."""
        biases = []
        if mask is not None:
            mask = self._apply("Unsqueeze", mask, self._integers(1, 2))
            absent = self._apply("Sub", mask, self._constant(np.float32(1)))
            biases.append(self._apply("Mul", absent, self._constant(np.float32(1e9))))
        if RELATIVE_BIAS in self._tensors:
            biases.append(self._distances(length))
        if not biases:
            return self._constant(np.float32(0))
        return biases[0] if len(biases) == 1 else self._apply("Add", *biases)

    def _distances(self, length: str) -> str:
        by_head = self._tensors[RELATIVE_BIAS][_distance_buckets(self._tokens)].transpose(2, 0, 1)
        ends = self._apply("Concat", length, length, axis=0)
        starts, axes = self._integers(0, 0), self._integers(1, 2)
        return self._apply("Slice", self._constant(by_head), starts, ends, axes)

    def _layer(self, prefix: str, x: str, bias: str) -> str:
        attended = self._attention(prefix, x, bias)
        x = self._norm(prefix + self._family.norm, self._apply("Add", x, attended))
        y = self._dense(prefix + "intermediate.dense", x)
        y = self._dense(prefix + "output.dense", self._gelu(y))
        return self._norm(prefix + "output.LayerNorm", self._apply("Add", x, y))

    def _attention(self, prefix: str, x: str, bias: str) -> str:
        """All heads at once: [3, batch, head, token, width] holds queries, keys and values."""
        family, size = self._family, self._width // self._heads
        x = self._dense([prefix + name for name in (family.query, family.key, family.value)], x)
        x = self._apply("Reshape", x, self._integers(0, 0, 3, self._heads, size))
        x = self._apply("Transpose", x, perm=[2, 0, 3, 1, 4])
        query, key, value = (
            self._apply("Gather", x, self._constant(np.int64(part)), axis=0) for part in range(3)
        )
        key = self._apply("Transpose", key, perm=[0, 1, 3, 2])
        scores = self._apply("MatMul", query, key)
        scores = self._apply("Mul", scores, self._constant(np.float32(size**-0.5)))
        scores = self._apply("Softmax", self._apply("Add", scores, bias), axis=-1)
        x = self._apply("Transpose", self._apply("MatMul", scores, value), perm=[0, 2, 1, 3])
        x = self._apply("Reshape", x, self._integers(0, 0, self._width))
        return self._dense(prefix + family.output, x)

    def _gelu(self, x: str) -> str:
        error = self._apply("Erf", self._apply("Div", x, self._constant(np.float32(2**0.5))))
        gate = self._apply("Add", error, self._constant(np.float32(1)))
        gated = self._apply("Mul", x, gate)
        return self._apply("Mul", gated, self._constant(np.float32(0.5)))

    def _norm(self, name: str, x: str) -> str:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        scale, shift = self._constant(weight), self._constant(bias)
        return self._apply("LayerNormalization", x, scale, shift, epsilon=self._epsilon)

    def _dense(self, names: str | list[str], x: str) -> str:
        """One linear map; several of the same input are done as one."""
        names = [names] if isinstance(names, str) else names
        matrix = np.concatenate([self._tensors[f"{name}.weight"] for name in names]).T
        bias = self._constant(np.concatenate([self._tensors[f"{name}.bias"] for name in names]))
        y = self._product_int8(x, matrix) if self._int8 else self._product(x, matrix)
        return self._apply("Add", y, bias)

    def _product(self, x: str, matrix: Array) -> str:
        return self._apply("MatMul", x, self._constant(matrix))

    def _product_int8(self, x: str, matrix: Array) -> str:
        """Each token has a scale of its own, from its least to its greatest value.

        One scale for all of them (DynamicQuantizeLinear) would be set by the few tokens that have
        huge values in MPNet's later layers, and the others would drown.
        """
        # Seven bits: without VNNI, processors add two products in 16 bits and cut what is above.
        numbers, scale = _whole_numbers(matrix, axis=0, largest=63)
        least = self._apply("ReduceMin", x, axes=[-1])
        span = self._apply("Sub", self._apply("ReduceMax", x, axes=[-1]), least)
        step = self._apply("Mul", span, self._constant(np.float32(1 / 255)))
        x = self._apply("Div", self._apply("Sub", x, least), step)
        one, zero = self._constant(np.float32(1)), self._constant(np.uint8(0))
        x = self._apply("QuantizeLinear", x, one, zero)
        y = self._apply("MatMulInteger", x, self._constant(numbers))
        y = self._apply("Cast", y, to=TensorProto.FLOAT)
        y = self._apply("Mul", self._apply("Mul", y, self._constant(scale)), step)
        sums = (numbers * scale).sum(axis=0, keepdims=True)
        return self._apply("Add", y, self._apply("Mul", least, self._constant(sums)))

    def _integers(self, *values: int) -> str:
        return self._constant(np.array(values, dtype=np.int64))

    def _constant(self, value: Any) -> str:
        name = f"c{len(self._constants)}"
        # np.ascontiguousarray would turn numbers into vectors, which Gather does not take.
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _apply(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name


def _whole_numbers(matrix: Array, *, axis: int, largest: int) -> tuple[Array, Array]:
    """The matrix in steps of a scale, one for each column (axis 0) or row (axis 1)."""
    scale = np.abs(matrix).max(axis=axis, keepdims=True) / largest
    scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(matrix / scale).astype(np.int8), scale


def _distance_buckets(tokens: int) -> Array:
    """Which of 32 buckets the way from one token to another is in, as MPNet was trained.

    Half of them look ahead; of 16, eight are exact and eight grow with the logarithm, up to 128.
    """
    way = np.arange(tokens)[None, :] - np.arange(tokens)[:, None]
    distance = np.abs(way)
    far = 8 + (np.log2(np.maximum(distance, 1) / 8) / np.log2(128 / 8) * 8).astype(np.int64)
    near: Array = np.where(distance < 8, distance, np.minimum(far, 15))
    ahead: Array = np.where(way > 0, near + 16, near)
    return ahead
