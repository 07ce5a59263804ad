"""Scores the danger guard on a file of sentences: by kind, by layer, with what it missed."""

import asyncio
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from rasa.core.agent import Agent
from tqdm import tqdm

from bot import figures
from bot.outcome import DANGER, DANGER_MODEL, DANGER_SCORE, MODELS, TOPIC_MODEL
from bot.rasa_log import keep_words_out_of_the_log
from bot.settings import ROOT

HELD_OUT = ROOT / "tests" / "held_out" / "danger.tsv"
TIERS = ("full", "soft", "none")
FALSE_ALARMS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.10, 0.15, 0.20)
LAYERS = ("rules", DANGER_MODEL, TOPIC_MODEL)


class SentencesError(ValueError):
    """A file of sentences that cannot be used; the message names the line."""


@dataclass(frozen=True)
class Seen:
    """A sentence, what it is, and what was seen in it."""

    text: str
    tier: str  # what it is: full, soft or none
    kind: str  # the first kind of danger, or of harmless message
    shown: str  # what the visitor was shown: full, soft or none
    by: tuple[str, ...]  # names of the rules and models that saw it
    score: float = 0.0  # the danger model's

    @property
    def layers(self) -> set[str]:
        return {name if name in MODELS else "rules" for name in self.by}


def evaluate_danger(model: Path, file: Path | None, out: Path, *, publish: bool = False) -> int:
    """Prints the scores on a TSV of tier, kind and text; 2 for a bad file."""
    try:
        rows = read_sentences(file or HELD_OUT)
    except (OSError, SentencesError) as error:
        print(error, file=sys.stderr)
        return 2
    keep_words_out_of_the_log()
    seen = asyncio.run(seen_in(Agent.load(str(model)), rows))
    out.mkdir(parents=True, exist_ok=True)
    (out / "danger.json").write_text(
        json.dumps({**summary(seen), "curve": curve(seen)}, indent=1), encoding="utf-8"
    )
    if publish:
        found = summary(seen)
        figures.publish(
            {
                "Messages of people in danger that were shown help": found.get("shown help"),
                "Harmless messages that were shown the full reply": found.get(
                    "harmless: full reply"
                ),
            },
            datetime.now(tz=timezone.utc).date(),
        )
    print(text_report(seen))
    return 0


def read_sentences(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for number, row in enumerate(rows, start=2):
        if row.get("tier") not in TIERS or not row.get("text") or not row.get("kind"):
            raise SentencesError(f"{path}, line {number}: give tier (full, soft, none), kind, text")
    if not rows:
        raise SentencesError(f"{path} holds no sentence")
    return rows


async def seen_in(agent: Agent, rows: Iterable[dict[str, str]]) -> list[Seen]:
    seen = []
    for row in tqdm(rows, desc="looking", unit=" sentences", disable=None):
        parse_data = await agent.parse_message(row["text"].lstrip("/ "))
        danger = parse_data.get(DANGER) or {}
        kind = row["kind"].split(",")[0].strip()
        by = tuple(danger.get("rules", ()))
        shown, score = danger.get("tier", "none"), parse_data.get(DANGER_SCORE, 0.0)
        seen.append(Seen(row["text"], row["tier"], kind, shown, by, score))
    return seen


def summary(seen: Sequence[Seen]) -> dict[str, float]:
    """Shares from 0 to 1, in the terms of docs/safety.md; none of a tier without a sentence."""
    full, soft, none = ([s for s in seen if s.tier == tier] for tier in TIERS)
    shares = {
        "shown help": _share(s.shown != "none" for s in full),
        "shown the full reply": _share(s.shown == "full" for s in full),
        **{f"seen by the {layer}": _share(layer in s.layers for s in full) for layer in LAYERS},
        "in between: shown help": _share(s.shown != "none" for s in soft),
        "in between: full reply": _share(s.shown == "full" for s in soft),
        "harmless: full reply": _share(s.shown == "full" for s in none),
        "harmless: soft line": _share(s.shown == "soft" for s in none),
        **{
            f"harmless: full with the {layer}": _share(
                s.shown == "full" and layer in s.layers for s in none
            )
            for layer in LAYERS
        },
    }
    return {name: share for name, share in shares.items() if share is not None}


def curve(seen: Sequence[Seen]) -> list[tuple[float, float]]:
    """What the danger model alone would see, at shares of false alarms: pairs of shares.

    Nothing where danger or harmless sentences are missing.
    """
    harmless = sorted((s.score for s in seen if s.tier == "none"), reverse=True)
    danger = [s.score for s in seen if s.tier == "full"]
    if not harmless or not danger:
        return []
    points = []
    for alarms in FALSE_ALARMS:
        at = harmless[int(alarms * len(harmless))]
        points.append((alarms, sum(score > at for score in danger) / len(danger)))
    return points


def text_report(seen: Sequence[Seen]) -> str:
    lines = [f"{len(seen)} sentences"]
    lines += [f"  {name:36}{100 * share:6.1f}%" for name, share in summary(seen).items()]
    lines += ["", "the danger model alone:"]
    lines += [
        f"  {100 * recall:5.1f}% at {100 * alarms:4.1f}% false" for alarms, recall in curve(seen)
    ]
    for tier in ("full", "none"):
        lines += [
            "",
            f"{'kind (' + tier + ')':26}{'sentences':>10}{'full':>8}{'soft':>8}{'none':>8}",
        ]
        for kind in sorted({s.kind for s in seen if s.tier == tier}):
            group = [s for s in seen if s.tier == tier and s.kind == kind]
            shares = [sum(s.shown == shown for s in group) / len(group) for shown in TIERS]
            lines.append(
                f"{kind:26}{len(group):>10}" + "".join(f"{100 * share:7.0f}%" for share in shares)
            )
    lines += ["", "missed:"]
    lines += [f"  {s.kind}: {s.text}" for s in seen if s.tier == "full" and s.shown == "none"]
    lines += ["", "a full reply to what is harmless:"]
    lines += [
        f"  {s.kind}, by {', '.join(s.by)}: {s.text}"
        for s in seen
        if s.tier == "none" and s.shown == "full"
    ]
    return "\n".join(lines)


def _share(truths: Iterable[bool]) -> float | None:
    known = list(truths)
    return sum(known) / len(known) if known else None
