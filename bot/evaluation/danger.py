"""Scores the danger guard on a file of sentences: by kind, by layer, with what it missed."""

import asyncio
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rasa.core.agent import Agent
from tqdm import tqdm

from bot.outcome import DANGER, TOPIC_MODEL
from bot.rasa_log import keep_words_out_of_the_log
from bot.settings import ROOT

HELD_OUT = ROOT / "tests" / "held_out" / "danger.tsv"
TIERS = ("full", "soft", "none")


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


def evaluate_danger(model: Path, file: Path | None, out: Path) -> int:
    """Prints the scores on a TSV of tier, kind and text; 2 for a bad file."""
    try:
        rows = read_sentences(file or HELD_OUT)
    except (OSError, SentencesError) as error:
        print(error, file=sys.stderr)
        return 2
    keep_words_out_of_the_log()
    seen = asyncio.run(seen_in(Agent.load(str(model)), rows))
    out.mkdir(parents=True, exist_ok=True)
    (out / "danger.json").write_text(json.dumps(summary(seen), indent=1), encoding="utf-8")
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
        danger = (await agent.parse_message(row["text"].lstrip("/ "))).get(DANGER) or {}
        kind = row["kind"].split(",")[0].strip()
        by = tuple(danger.get("rules", ()))
        seen.append(Seen(row["text"], row["tier"], kind, danger.get("tier", "none"), by))
    return seen


def summary(seen: Sequence[Seen]) -> dict[str, float]:
    """Shares from 0 to 1, in the terms of docs/safety.md."""
    full, soft, none = ([s for s in seen if s.tier == tier] for tier in TIERS)
    return {
        "shown help": _share(s.shown != "none" for s in full),
        "shown the full reply": _share(s.shown == "full" for s in full),
        "full by rules": _share(bool(_rules(s)) and s.shown == "full" for s in full),
        "full by the topic model": _share(TOPIC_MODEL in s.by and s.shown == "full" for s in full),
        "soft: shown help": _share(s.shown != "none" for s in soft),
        "harmless: full reply": _share(s.shown == "full" for s in none),
        "harmless: soft line": _share(s.shown == "soft" for s in none),
    }


def text_report(seen: Sequence[Seen]) -> str:
    lines = [f"{len(seen)} sentences"]
    lines += [f"  {name:26}{100 * share:6.1f}%" for name, share in summary(seen).items()]
    for tier in ("full", "none"):
        lines += [
            "",
            f"{'kind (' + tier + ')':26}{'sentences':>10}{'full':>8}{'soft':>8}{'none':>8}",
        ]
        for kind in sorted({s.kind for s in seen if s.tier == tier}):
            group = [s for s in seen if s.tier == tier and s.kind == kind]
            shares = [_share(s.shown == shown for s in group) for shown in TIERS]
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


def _rules(seen: Seen) -> list[str]:
    return [name for name in seen.by if name != TOPIC_MODEL]


def _share(truths: Iterable[bool]) -> float:
    known = list(truths)
    return sum(known) / len(known) if known else 0.0
