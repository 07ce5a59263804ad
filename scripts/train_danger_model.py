"""Fine-tunes a copy of the small encoder to see danger, on data/danger.tsv.

Run by hand when the sentences change, with PyTorch and transformers (the product needs neither):

    pip install torch transformers safetensors tokenizers
    python scripts/train_danger_model.py WEIGHTS OUT            # trains on all writers
    python scripts/train_danger_model.py WEIGHTS OUT --without d5   # leaves one out, to test on

WEIGHTS holds the official model.safetensors and tokenizer.json of all-MiniLM-L6-v2. OUT receives
what `python -m bot ship-danger-model OUT` turns into the files of bot/nlu/danger/.
"""

import argparse
import csv
import json
import random
import shutil
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

TIERS = ("none", "soft", "full")
KINDS = (
    "suicidal_direct", "suicidal_passive", "self_harm", "plan_or_means", "goodbye", "overdose",
    "abuse_now", "child", "someone_else", "harm_to_others", "idiom", "sadness", "past",
    "therapy_question", "form_message", "insult", "subject", "everyday",
)  # fmt: skip
SCALE = 8.0  # of the unit vector, before the heads
BATCH = 32
RATE = 6e-5
KIND_WEIGHT = 0.3  # of the second task, which kind it is, in the loss
JOINED = 0.2  # share of messages that a harmless one is put before or after
SEED = 1

Row = dict[str, str]


class Network(nn.Module):
    """The encoder with two heads: the tier, and the kind."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
            intermediate_size=1536,
        )  # fmt: skip
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.encoder.load_state_dict(load_file(weights / "model.safetensors"), strict=False)
        self.tier = nn.Linear(384, len(TIERS))
        self.kind = nn.Linear(384, len(KINDS))
        self.drop = nn.Dropout(0.1)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        shown = mask.unsqueeze(-1).float()
        vectors = nn.functional.normalize((states * shown).sum(1)) * SCALE
        return self.tier(self.drop(vectors)), self.kind(self.drop(vectors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", help="a writer to leave out")
    parser.add_argument("--epochs", type=int, default=3)
    chosen = parser.parse_args()
    with Path("data/danger.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = [row for row in rows if row["writer"] != chosen.without]
    tokenizer = Tokenizer.from_file(str(chosen.weights / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    network = train(Network(chosen.weights), tokenizer, rows, chosen.epochs)
    chosen.out.mkdir(parents=True, exist_ok=True)
    save_file(network.encoder.state_dict(), chosen.out / "model.safetensors")
    head = {
        "tiers": TIERS,
        "kinds": KINDS,
        "scale": SCALE,
        "tier_weights": network.tier.weight.tolist(),
        "tier_biases": network.tier.bias.tolist(),
        "kind_weights": network.kind.weight.tolist(),
        "kind_biases": network.kind.bias.tolist(),
    }
    shutil.copyfile(chosen.weights / "tokenizer.json", chosen.out / "tokenizer.json")
    (chosen.out / "head.json").write_text(json.dumps(head), encoding="utf-8")


def train(network: Network, tokenizer: Tokenizer, rows: list[Row], epochs: int) -> Network:
    torch.manual_seed(SEED)
    chance = random.Random(SEED)  # noqa: S311 - a seed is wanted, not a secret
    harmless = [row["text"] for row in rows if row["tier"] == "none"]
    heads = [*network.tier.parameters(), *network.kind.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": network.encoder.parameters(), "lr": RATE}, {"params": heads, "lr": 10 * RATE}]
    )
    steps = epochs * (len(rows) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, step / (0.1 * steps)) * max(0, 1 - step / steps)
    )
    network.train()
    started = time.monotonic()
    for epoch in range(epochs):
        for batch in _batches(rows, harmless, tokenizer, chance):
            ids, mask, tiers, kinds = batch
            tier, kind = network(ids, mask)
            loss = nn.functional.cross_entropy(tier, tiers, label_smoothing=0.05)
            loss += KIND_WEIGHT * nn.functional.binary_cross_entropy_with_logits(kind, kinds)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return network.eval()


def _batches(rows: list[Row], harmless: list[str], tokenizer: Tokenizer, chance: random.Random):
    """All rows once, in batches of like length."""
    order = chance.sample(rows, len(rows))
    for start in range(0, len(order), 20 * BATCH):
        chunk = [
            (tokenizer.encode(_varied(row["text"], harmless, chance)).ids, row)
            for row in order[start : start + 20 * BATCH]
        ]
        chunk.sort(key=lambda pair: len(pair[0]))
        batches = [chunk[i : i + BATCH] for i in range(0, len(chunk), BATCH)]
        for batch in chance.sample(batches, len(batches)):
            length = max(len(ids) for ids, _ in batch)
            ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in batch])
            mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids, _ in batch])
            tiers = torch.tensor([TIERS.index(row["tier"]) for _, row in batch])
            kinds = torch.tensor(
                [[float(kind in row["kind"].split(",")) for kind in KINDS] for _, row in batch]
            )
            yield ids, mask, tiers, kinds


def _varied(text: str, harmless: list[str], chance: random.Random) -> str:
    """The text, sometimes in small letters, with a slip, or beside a harmless message."""
    if chance.random() < 0.15:
        text = text.lower()
    if chance.random() < 0.15 and len(text) > 4:
        place = chance.randrange(len(text) - 1)
        swapped, dropped = text[place + 1] + text[place], ""
        text = text[:place] + chance.choice((swapped, dropped)) + text[place + 2 :]
    if chance.random() < JOINED:
        pair = [text, chance.choice(harmless)]
        chance.shuffle(pair)
        text = chance.choice((" ", ". ", "\n")).join(pair)
    return text


if __name__ == "__main__":
    main()
