"""Writes sentence encoders (BERT and MPNet) and kernel regressions as ONNX graphs."""

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

# The domain of onnxruntime's own operators, which do in one what takes several of the standard's.
FUSED = "com.microsoft"
BLOCK = 384  # kernels
# Of a factor: without VNNI, processors add two products in 16 bits and cut what is above.
SEVEN_BITS = 63
OPERATORS = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
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
    """From the tokens of several texts, one after the other, to their vectors of length one.

    Inputs: input_ids and positions (of each token in its text), both [tokens], and members [texts,
    tokens], 1 where the token is the text's and 0 elsewhere. Outputs: sentence_vector [texts,
    width], and states [tokens, width], which is what goes into the last layers. `tokens` is the
    greatest number of all tokens together. With `int8`, every matrix of weights is kept in whole
    numbers.
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
    """From an encoder's states and members through other last layers to `outputs` [texts, ...].

    Each output is a linear map of the sentence's vector, by the tensors of its name. Weights are
    kept in whole numbers.
    """
    return _Network(tensors, heads, epsilon, tokens, int8=True).tail(outputs)


def kernel_graph(axes: Array, places: Array, weights: Array, *, width: float) -> ModelProto:
    """A regression on Gaussian kernels exp(width * (cosine - 1)), one around each row of `places`.

    Input: vectors [texts, ...], which `axes` project. Output: scores [texts, ...], one for each
    column of `weights`. The places are kept in whole numbers.
    """
    return _Graph().kernels(axes, places, weights, width)


def rounded(places: Array) -> Array:
    """Places as a graph keeps them: what is learnt on these, it gives back."""
    numbers, steps = _whole_numbers(places, axis=1, largest=SEVEN_BITS)
    return numbers * steps


class _Graph:
    """Collects nodes and constants. A value is known by its name in the graph."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def kernels(self, axes: Array, places: Array, weights: Array, width: float) -> ModelProto:
        # onnxruntime 1.23 multiplies whole numbers wrongly for some counts of columns on some
        # processors (AMX); whole blocks are right (docs/decisions/0004). Nothing weighs the others.
        missing = -len(places) % BLOCK
        places, weights = (np.pad(a, ((0, missing), (0, 0))) for a in (places, weights))
        x = self._product("vectors", axes.astype(np.float32))
        x = self._product_int8(x, places.T)
        x = self._apply("Sub", x, self._constant(np.float32(1)))
        x = self._apply("Exp", self._apply("Mul", x, self._constant(np.float32(width))))
        self._output("scores", self._product(x, weights))
        return self._model(
            {"vectors": (TensorProto.FLOAT, ["texts", len(axes)])},
            {"scores": (TensorProto.FLOAT, ["texts", weights.shape[1]])},
        )

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
        return helper.make_model(graph, ir_version=8, opset_imports=OPERATORS)

    def _product(self, x: str, matrix: Array) -> str:
        return self._apply("MatMul", x, self._constant(matrix))

    def _product_int8(self, x: str, matrix: Array) -> str:
        """Each row has a scale of its own, from its least to its greatest value.

        One scale for all of them (DynamicQuantizeLinear) would be set by the few tokens that have
        huge values in MPNet's later layers, and the others would drown.
        """
        numbers, scale = _whole_numbers(matrix, axis=0, largest=SEVEN_BITS)
        least = self._apply("ReduceMin", x, axes=[-1], keepdims=1)
        span = self._apply("Sub", self._apply("ReduceMax", x, axes=[-1], keepdims=1), least)
        step = self._apply("Mul", span, self._constant(np.float32(1 / 255)))
        flat = self._apply("Squeeze", step, self._integers(1))
        zero = self._constant(np.uint8(0))
        zeros = self._apply("Expand", zero, self._apply("Shape", flat))
        x = self._apply("QuantizeLinear", self._apply("Sub", x, least), flat, zeros, axis=0)
        y = self._apply(
            "MatMulIntegerToFloat",
            x,
            self._constant(numbers),
            self._constant(np.float32(1)),
            self._constant(scale[0]),
            zero,
            self._constant(np.zeros_like(scale[0], dtype=np.int8)),
            domain=FUSED,
        )
        sums = (numbers * scale).sum(axis=0, keepdims=True)
        y = self._apply("Mul", y, step)
        return self._apply("Gemm", least, self._constant(sums), y)

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


class _Network(_Graph):
    """A sentence encoder, or its last layers."""

    def __init__(
        self, tensors: Mapping[str, Array], heads: int, epsilon: float, tokens: int, int8: bool
    ) -> None:
        super().__init__()
        self._tensors = tensors
        self._family = MPNET if RELATIVE_BIAS in tensors else BERT
        self._heads = heads
        self._epsilon = epsilon
        self._tokens = tokens
        self._int8 = int8
        self._width = tensors["encoder.layer.0.output.dense.weight"].shape[0]

    def encoder(self, last_layers: int) -> ModelProto:
        x = self._embeddings()
        bias = self._attention_bias()
        prefixes = self._layers()
        for prefix in prefixes[:-last_layers]:
            x = self._layer(prefix, x, bias)
        self._output("states", x)
        for prefix in prefixes[-last_layers:]:
            x = self._layer(prefix, x, bias)
        self._output("sentence_vector", self._vectors(x))
        ids: Kind = (TensorProto.INT64, ["tokens"])
        return self._model(
            {"input_ids": ids, "positions": ids, **self._members()},
            {
                "sentence_vector": (TensorProto.FLOAT, ["texts", self._width]),
                "states": (TensorProto.FLOAT, ["tokens", self._width]),
            },
        )

    def tail(self, outputs: tuple[str, ...]) -> ModelProto:
        x = "states"
        bias = self._attention_bias()
        for prefix in self._layers():
            x = self._layer(prefix, x, bias)
        vectors = self._vectors(x)
        shapes: dict[str, Kind] = {}
        for name in outputs:
            weight, shift = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
            y = self._apply("Add", self._product(vectors, weight.T), self._constant(shift))
            self._output(name, y)
            shapes[name] = (TensorProto.FLOAT, ["texts", len(weight)])
        states: dict[str, Kind] = {"states": (TensorProto.FLOAT, ["tokens", self._width])}
        return self._model({**states, **self._members()}, shapes)

    def _members(self) -> dict[str, Kind]:
        return {"members": (TensorProto.FLOAT, ["texts", "tokens"])}

    def _vectors(self, x: str) -> str:
        # The sum over the tokens points where their mean does, and the length becomes one anyway.
        return self._apply("LpNormalization", self._apply("MatMul", "members", x), axis=-1, p=2)

    def _layers(self) -> list[str]:
        """Where the names of each layer's tensors begin, the first layer first."""
        names = (f"encoder.layer.{number}." for number in count())
        return list(takewhile(lambda name: f"{name}output.dense.weight" in self._tensors, names))

    def _embeddings(self) -> str:
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
        x = self._apply("Add", x, self._apply("Gather", self._constant(positions), "positions"))
        return self._norm("embeddings.LayerNorm", x)

    def _attention_bias(self) -> str:
        """Added to the scores: no text attends to another's tokens, and MPNet minds the distance.

        How far two tokens of a text are from each other is also how far their places here are.
        """
        own = self._apply("Transpose", "members", perm=[1, 0])
        absent = self._apply("MatMul", own, "members")
        absent = self._apply("Sub", absent, self._constant(np.float32(1)))
        bias = self._apply("Mul", absent, self._constant(np.float32(1e9)))
        if RELATIVE_BIAS in self._tensors:
            bias = self._apply("Add", bias, self._distances())
        return bias

    def _distances(self) -> str:
        by_head = self._tensors[RELATIVE_BIAS][_distance_buckets(self._tokens)].transpose(2, 0, 1)
        length = self._apply("Shape", "members", start=1)
        ends = self._apply("Concat", length, length, axis=0)
        starts, axes = self._integers(0, 0), self._integers(1, 2)
        return self._apply("Slice", self._constant(by_head), starts, ends, axes)

    def _layer(self, prefix: str, x: str, bias: str) -> str:
        y = self._attention(prefix, x, bias)
        x = self._added_and_normed(prefix + self._family.norm, x, y, prefix + self._family.output)
        y = self._product_of(prefix + "intermediate.dense", x)
        y = self._apply("BiasGelu", y, self._bias(prefix + "intermediate.dense"), domain=FUSED)
        y = self._product_of(prefix + "output.dense", y)
        return self._added_and_normed(prefix + "output.LayerNorm", x, y, prefix + "output.dense")

    def _attention(self, prefix: str, x: str, bias: str) -> str:
        """All heads at once: [3, head, token, width] holds queries, keys and values."""
        family, size = self._family, self._width // self._heads
        names = [prefix + name for name in (family.query, family.key, family.value)]
        x = self._apply("Add", self._product_of(names, x), self._bias(names))
        x = self._apply("Reshape", x, self._integers(0, 3, self._heads, size))
        x = self._apply("Transpose", x, perm=[1, 2, 0, 3])
        query, key, value = (
            self._apply("Gather", x, self._constant(np.int64(part)), axis=0) for part in range(3)
        )
        key = self._apply("Transpose", key, perm=[0, 2, 1])
        scores = self._apply("MatMul", query, key)
        scores = self._apply("Mul", scores, self._constant(np.float32(size**-0.5)))
        scores = self._apply("Softmax", self._apply("Add", scores, bias), axis=-1)
        x = self._apply("Transpose", self._apply("MatMul", scores, value), perm=[1, 0, 2])
        x = self._apply("Reshape", x, self._integers(0, self._width))
        return self._product_of(prefix + family.output, x)

    def _norm(self, name: str, x: str) -> str:
        return self._apply("LayerNormalization", x, *self._norming(name), epsilon=self._epsilon)

    def _added_and_normed(self, name: str, x: str, y: str, bias: str) -> str:
        """x and y and the bias of y, added and normed."""
        norming = [*self._norming(name), self._bias(bias)]
        return self._apply(
            "SkipLayerNormalization", y, x, *norming, domain=FUSED, epsilon=self._epsilon
        )

    def _norming(self, name: str) -> list[str]:
        return [self._constant(self._tensors[f"{name}.{part}"]) for part in ("weight", "bias")]

    def _bias(self, names: str | list[str]) -> str:
        names = [names] if isinstance(names, str) else names
        return self._constant(np.concatenate([self._tensors[f"{name}.bias"] for name in names]))

    def _product_of(self, names: str | list[str], x: str) -> str:
        """One linear map without its bias; several of the same input are done as one."""
        names = [names] if isinstance(names, str) else names
        matrix = np.concatenate([self._tensors[f"{name}.weight"] for name in names]).T
        return self._product_int8(x, matrix) if self._int8 else self._product(x, matrix)


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
