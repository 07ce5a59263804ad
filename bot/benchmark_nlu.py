"""Measures understanding on BANKING77's 10-shot split: our components beside stock Rasa's.

Each contestant learns and answers in a process of its own, so that time and memory are its own.
"""

import asyncio
import csv
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bot.settings import Settings

TRAIN, TEST = "train_10shot_pub.csv", "test.csv"
CONTESTANTS = ("large", "small", "rasa init")
# Accuracy that others published for the same split.
PUBLISHED = {
    "USE (Casanueva et al. 2020)": 84.23,
    "ConveRT (same)": 83.32,
    "USE+ConveRT (same)": 85.19,
    "DNNC": 86.71,
    "CPFT": 87.20,
    "ICDA": 89.79,
}

Examples = Sequence[tuple[str, str]]  # text and label


@dataclass(frozen=True)
class Measured:
    accuracy: float  # percent
    training: float  # seconds, the encoder's loading included, Rasa's imports not
    message: float  # milliseconds in the mean
    memory: float  # MB at the peak


def run_benchmark_nlu(folder: Path) -> int:
    """Prints the table; `folder` holds the split. Takes about ten minutes."""
    if missing := [name for name in (TRAIN, TEST) if not (folder / name).exists()]:
        print(
            f"{folder} lacks {', '.join(missing)}: BANKING77, columns text,label", file=sys.stderr
        )
        return 2
    measured = {}
    for name in CONTESTANTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "bot", "benchmark-nlu", str(folder), "--only", name]
        done = subprocess.run(  # noqa: S603 - our own command; what it says of a failure is seen
            command, check=True, stdout=subprocess.PIPE, text=True
        )
        measured[name] = Measured(**json.loads(done.stdout.splitlines()[-1]))
    print(table(measured))
    return 0


def measure(name: str, folder: Path, settings: Settings) -> Measured:
    """What one contestant reaches; in this process."""
    train, test = read_examples(folder / TRAIN), read_examples(folder / TEST)
    started = time.perf_counter()
    label_of = _stock(train) if name == "rasa init" else _ours(name, train, settings)
    trained = time.perf_counter()
    right = sum(label_of(text) == label for text, label in test)
    took = time.perf_counter() - trained
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(100 * right / len(test), trained - started, 1000 * took / len(test), peak)


def as_json(measured: Measured) -> str:
    return json.dumps(asdict(measured))


def read_examples(path: Path) -> Examples:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def table(measured: dict[str, Measured]) -> str:
    stock = measured["rasa init"]
    lines = [f"{'':28}{'accuracy':>10}{'training':>11}{'a message':>12}{'memory':>10}"]
    for name, m in measured.items():
        label = name if name == "rasa init" else f"rapport ({name})"
        lines.append(
            f"{label:28}{m.accuracy:9.2f}%{m.training:9.1f} s{m.message:9.1f} ms{m.memory:7.0f} MB"
        )
    for name, m in measured.items():
        if name != "rasa init":
            lines.append(
                f"{name + ' : rasa init':28}{m.accuracy / stock.accuracy:10.2f}"
                f"{m.training / stock.training:11.2f}{m.message / stock.message:12.2f}"
                f"{m.memory / stock.memory:10.2f}"
            )
    lines += ["", "Published for this split:"]
    lines += [f"  {name:26}{accuracy:9.2f}%" for name, accuracy in PUBLISHED.items()]
    return "\n".join(lines)


def _ours(name: str, train: Examples, settings: Settings) -> Callable[[str], str]:
    from bot.nlu.encoder import readers, side_by_side
    from bot.nlu.topic_model import TopicModel

    encoders = readers(name, settings.models, weights_folder=settings.weights)
    texts = [text for text, _ in train]
    vectors = side_by_side([encoder.encode_all(texts) for encoder in encoders])
    labels = [label for _, label in train]
    model = TopicModel.fit(vectors, labels, ["" for _ in labels])

    def topic(text: str) -> str:
        rows = [encoder.encode(text)[None, :] for encoder in encoders]
        return model.read(side_by_side(rows)[0]).topic

    return topic


def _stock(train: Examples) -> Callable[[str], str]:
    from rasa.core.agent import Agent
    from rasa.model_training import train_nlu

    labels = sorted({label for _, label in train})
    examples = {
        label: "".join(f"- {' '.join(text.split())}\n" for text, other in train if other == label)
        for label in labels
    }
    data = {
        "version": "3.1",
        "nlu": [{"intent": label, "examples": text} for label, text in examples.items()],
    }
    # What `rasa init` writes into config.yml, without what plays no part in telling intents.
    pipeline = [
        {"name": "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True},
    ]
    with TemporaryDirectory() as scratch:
        config, nlu = Path(scratch) / "config.yml", Path(scratch) / "nlu.yml"
        recipe = {"recipe": "default.v1", "assistant_id": "stock", "language": "en"}
        config.write_text(yaml.safe_dump({**recipe, "pipeline": pipeline}), encoding="utf-8")
        nlu.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        model = train_nlu(str(config), str(nlu), output=scratch)
        agent = Agent.load(model)
    loop = asyncio.new_event_loop()
    return lambda text: str(
        loop.run_until_complete(agent.parse_message(text))["intent"].get("name")
    )
