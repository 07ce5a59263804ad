"""Teaches the last layers of a sentence encoder to see danger, on data/danger.tsv.

Run by hand when the sentences change, in an environment with PyTorch (the product needs none):

    pip install torch transformers safetensors tokenizers pyyaml
    python scripts/train_danger.py large OFFICIAL OUT

With --writers d1,d2,... it learns from these alone, so that the others can examine it.

OFFICIAL holds the encoder's model.safetensors and tokenizer.json (`python -m bot encoder --help`).
OUT receives tail.safetensors, which `python -m bot ship-danger` turns into what is shipped. The
layers below stay as they are, so the product computes them once for topics and danger. About ten
minutes on two cores that multiply bfloat16 for the large one, an hour on others; the seed is
fixed, so the same machine gives the same tail.
"""

import argparse
import csv
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

TIERS = ("none", "soft", "full")
KINDS = (
    "suicidal_direct", "suicidal_passive", "self_harm", "plan_or_means", "goodbye", "overdose",
    "abuse_now", "child", "someone_else", "harm_to_others", "idiom", "sadness", "past",
    "therapy_question", "form_message", "insult", "subject", "everyday",
)  # fmt: skip
LAYERS = {"large": 2, "small": 3}  # that are taught
SCALE = 8.0  # of the unit vector, before the heads
BATCH = 32
RATE = {"large": 5e-5, "small": 1e-4}
KIND_WEIGHT = 0.3  # of the second task, which kind it is, in the loss
SENTENCES = 2_000  # parts of long harmless texts that are added, beside the examples of topics
SEED = 1
# Half the time or less where the processor multiplies bfloat16; elsewhere three times as much.
HAS_BFLOAT16 = "_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")  # AMX or AVX512


@dataclass(frozen=True)
class Row:
    text: str
    tier: str
    kinds: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("encoder", choices=LAYERS)
    parser.add_argument("official", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--writers", help="only these, with commas between; all without it")
    parser.add_argument("--epochs", type=int, default=3)
    chosen = parser.parse_args()
    torch.manual_seed(SEED)
    chance = random.Random(SEED)  # noqa: S311 - a seed is wanted, not a secret
    rows = read_rows(chosen.writers.split(",") if chosen.writers else None, chance)
    body = Body(chosen.encoder, chosen.official)
    tail = Tail(body, LAYERS[chosen.encoder])
    started = time.monotonic()
    states = body.states([row.text for row in rows], LAYERS[chosen.encoder])
    print(f"{len(rows)} texts read in {time.monotonic() - started:.0f} s", flush=True)
    train(tail, states, rows, chance, epochs=chosen.epochs, rate=RATE[chosen.encoder])
    chosen.out.mkdir(parents=True, exist_ok=True)
    save_file(tail.tensors(), chosen.out / "tail.safetensors")


def read_rows(writers: list[str] | None, chance: random.Random) -> list[Row]:
    """The sentences of those writers, and harmless ones: questions, and sentences of long texts."""
    with Path("data/danger.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [
        Row(line["text"], line["tier"], tuple(line["kind"].replace(" ", "").split(",")))
        for line in lines
        if not writers or line["writer"] in writers
    ]
    parts = [
        Row(part, "none", row.kinds)
        for row in rows
        if row.tier == "none"
        for part in re.split(r"(?<=[.!?])\s+", row.text)
        if part != row.text and len(part.split()) > 2
    ]
    topics = yaml.safe_load(Path("data/nlu.yml").read_text(encoding="utf-8"))["nlu"]
    questions = [
        Row(example.removeprefix("- "), "none", ("therapy_question",))
        for topic in topics
        if topic["intent"] != "crisis"
        for example in topic["examples"].strip().split("\n")
    ]
    return rows + questions + chance.sample(parts, min(SENTENCES, len(parts)))


class Body:
    """An official encoder; its lower layers stay as they are."""

    def __init__(self, name: str, official: Path) -> None:
        tensors = load_file(official / "model.safetensors")
        tensors = {key.removeprefix("mpnet."): value for key, value in tensors.items()}
        network: Any
        if name == "large":
            config = MPNetConfig(
                vocab_size=30_527, max_position_embeddings=514, layer_norm_eps=1e-5
            )
            network = MPNetModel(config, add_pooling_layer=False)
        else:
            sizes = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
            network = BertModel(BertConfig(vocab_size=30_522, **sizes), add_pooling_layer=False)
        missing = network.load_state_dict(
            {key: value for key, value in tensors.items() if not key.startswith("pooler")},
            strict=False,
        ).missing_keys
        if missing:
            raise SystemExit(f"{official} is no {name} encoder: it lacks {', '.join(missing)}")
        self.network = network.eval()
        self.width: int = network.config.hidden_size
        self.is_mpnet = name == "large"
        self._tokenizer = Tokenizer.from_file(str(official / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(128)

    @torch.no_grad()
    def states(self, texts: Sequence[str], left_out: int) -> list[Tensor]:
        """What each text is below the last layers: one row for each of its tokens."""
        tokens = [self._tokenizer.encode(text).ids for text in texts]
        found: list[Tensor] = [torch.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
        for start in range(0, len(order), 64):
            places = order[start : start + 64]
            length = max(len(tokens[place]) for place in places)
            ids = torch.tensor([tokens[p] + [1] * (length - len(tokens[p])) for p in places])
            mask = torch.tensor([[len(tokens[p]) > i for i in range(length)] for p in places])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=HAS_BFLOAT16):
                x = self.network.embeddings(input_ids=ids)
                x = self.layers(self.network.encoder.layer[:-left_out], x, mask)
            for row, place in zip(x, places, strict=True):
                found[place] = row[: len(tokens[place])].half()
        return found

    def layers(self, layers: Any, x: Tensor, mask: Tensor) -> Tensor:
        hidden = (~mask)[:, None, None, :] * -1e9
        bias = self.network.encoder.compute_position_bias(x).detach() if self.is_mpnet else None
        for layer in layers:
            found = layer(x, hidden, bias) if self.is_mpnet else layer(x, attention_mask=hidden)
            x = found[0] if isinstance(found, tuple) else found
        return x


class Tail(nn.Module):
    """The layers that are taught, and two heads: the tier, and the kind."""

    def __init__(self, body: Body, layers: int) -> None:
        super().__init__()
        self._body = [body]  # in a list: its other layers are not to be taught
        self.layers = nn.ModuleList(body.network.encoder.layer[-layers:])
        self.tier = nn.Linear(body.width, len(TIERS))
        self.kind = nn.Linear(body.width, len(KINDS))
        self.drop = nn.Dropout(0.1)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self._body[0].layers(self.layers, states, mask)
        vectors = nn.functional.normalize((x * mask.unsqueeze(-1)).sum(1)) * SCALE
        return self.tier(self.drop(vectors)), self.kind(self.drop(vectors))

    def tensors(self) -> dict[str, Tensor]:
        """By the names of an encoder whose only layers these are; the heads take unit vectors."""
        layers = {
            f"encoder.layer.{name}": value for name, value in self.layers.state_dict().items()
        }
        heads = {
            "tier.weight": self.tier.weight * SCALE,
            "tier.bias": self.tier.bias,
            "kind.weight": self.kind.weight * SCALE,
            "kind.bias": self.kind.bias,
        }
        found = {**layers, **heads}
        if self._body[0].is_mpnet:
            name = "encoder.relative_attention_bias.weight"
            found[name] = self._body[0].network.encoder.relative_attention_bias.weight
        return {name: value.detach().contiguous() for name, value in found.items()}


def train(
    tail: Tail,
    states: list[Tensor],
    rows: list[Row],
    chance: random.Random,
    *,
    epochs: int,
    rate: float,
) -> None:
    tiers = torch.tensor([TIERS.index(row.tier) for row in rows])
    kinds = torch.tensor([[float(kind in row.kinds) for kind in KINDS] for row in rows])
    heads = [*tail.tier.parameters(), *tail.kind.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": tail.layers.parameters(), "lr": rate}, {"params": heads, "lr": 10 * rate}]
    )
    steps = epochs * (len(rows) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, step / (0.1 * steps)) * max(0, 1 - step / steps)
    )
    tail.train()
    started = time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        for places in _batches(states, chance):
            inputs, mask = _padded([states[place] for place in places])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=HAS_BFLOAT16):
                tier, kind = (found.float() for found in tail(inputs, mask))
            loss = nn.functional.cross_entropy(tier, tiers[places], label_smoothing=0.05)
            loss += KIND_WEIGHT * nn.functional.binary_cross_entropy_with_logits(
                kind, kinds[places]
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(tail.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(places)
        took = time.monotonic() - started
        print(f"epoch {epoch + 1}: loss {total / len(rows):.4f}, {took:.0f} s", flush=True)
    tail.eval()


def _batches(states: list[Tensor], chance: random.Random) -> Iterator[list[int]]:
    """All places once, in batches of like length."""
    order = chance.sample(range(len(states)), len(states))
    for start in range(0, len(order), 20 * BATCH):
        chunk = sorted(order[start : start + 20 * BATCH], key=lambda place: len(states[place]))
        batches = [chunk[i : i + BATCH] for i in range(0, len(chunk), BATCH)]
        yield from chance.sample(batches, len(batches))


def _padded(states: list[Tensor]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(rows) for rows in states])
    inputs = nn.utils.rnn.pad_sequence(states, batch_first=True).float()
    return inputs, torch.arange(inputs.shape[1])[None, :] < lengths[:, None]


if __name__ == "__main__":
    main()
