"""Cuts a message that says several things into parts that say one each. It knows no Rasa."""

from __future__ import annotations

import re
from functools import cache

from bot.spacy_alone import spacy

SHORTEST, LONGEST = 3, 40  # words of a part
MOST = 24  # parts, so that what a message costs is bounded
# A sentence that runs on, as dictated ones do, is cut before one of these.
_TURNS = re.compile(r"(?i)(?:,\s+|\s+(?=(?:and|but|so|because|then|anyway|also|or)\s))")
_CLAUSE = 15  # words at least
# One sentence, two questions: it is cut before the second.
_QUESTION = re.compile(
    r"(?i)(?:[,;/]|\s)\s*(?=(?:(?:and|n|&|also|plus|or|but)\s+)(?:(?:also|then|if so|so)\s+)?"
    r"(?:how|what|whats|when|where|who|why|which|is|are|do|does|did|can|could|will|would|should"
    r"|have|has|any|must|may|if|whether|also)\b|(?:also|plus)\s)"
)


def parts_of(text: str) -> list[str]:
    """The parts of a text in their order; none where it says one thing only."""
    least = max(SHORTEST, -(-len(text.split()) // MOST))
    parts: list[str] = []
    for sentence in _sentencizer()(text).sents:
        for clause in _clauses(sentence.text.strip()):
            if parts and len(parts[-1].split()) < least:
                parts[-1] = f"{parts[-1]} {clause}"
            elif clause:
                parts.append(clause)
    if len(parts) > 1 and len(parts[-1].split()) < least:
        last = parts.pop()
        parts[-1] = f"{parts[-1]} {last}"
    return parts if len(parts) > 1 else []


def _clauses(sentence: str) -> list[str]:
    if len(sentence.split()) > LONGEST:
        return _cut(_TURNS, sentence, _CLAUSE)
    return _cut(_QUESTION, sentence, SHORTEST)


def _cut(where: re.Pattern[str], sentence: str, least: int) -> list[str]:
    """Cuts there, save where a piece would have fewer words than that."""
    clauses = [""]
    for piece in where.split(sentence):
        if len(clauses[-1].split()) >= least:
            clauses.append("")
        clauses[-1] = f"{clauses[-1]} {piece}".strip()
    return clauses


@cache
def _sentencizer() -> spacy.Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp
