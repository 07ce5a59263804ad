"""The helplines for a person in danger, read from `helplines.yml`. It needs nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("helplines.yml")
MOST = 4
FEWEST = 2
# Replaced by 9-8-8; a line that nobody answers must not come back by mistake.
REFUSED = frozenset({"18334564566"})


class HelplinesError(ValueError):
    """`helplines.yml` does not hold together; the message names the line or the kind."""


@dataclass(frozen=True)
class Helpline:
    """One line as a visitor sees it; `call` and `text` are numbers, `text` empty for none."""

    name: str
    call: str
    text: str
    note: str
    text_word: str = ""  # what to write in the text message


class Helplines:
    """All lines, and which are shown for which kind of danger."""

    def __init__(self, source: str) -> None:
        data = yaml.safe_load(source)
        try:
            self._lines = {name: _line(name, entry) for name, entry in data["lines"].items()}
            self.checked: dict[str, date] = {
                entry["name"]: entry["checked"] for entry in data["lines"].values()
            }
            self._shown: dict[str, list[str]] = data["shown"]
        except (KeyError, TypeError, AttributeError) as error:
            raise HelplinesError(f"helplines.yml lacks {error}") from error
        for kind, names in self._shown.items():
            if unknown := set(names) - set(self._lines):
                raise HelplinesError(
                    f"helplines.yml shows {unknown.pop()!r} for {kind}: no such line"
                )
            if not FEWEST <= len(names) <= MOST:
                raise HelplinesError(
                    f"helplines.yml: {kind} shows {len(names)} lines, not two to four"
                )
        if "any" not in self._shown:
            raise HelplinesError("helplines.yml does not say which lines are shown for any danger")

    def for_kinds(self, kinds: Iterable[str]) -> tuple[Helpline, ...]:
        """Two to four lines: those of the first kind, then what others add."""
        names = dict.fromkeys(name for kind in kinds for name in self._shown[kind])
        return tuple(self._lines[name] for name in list(names)[:MOST])


def lines_for(kinds: Iterable[str]) -> tuple[Helpline, ...]:
    """The shipped lines for kinds of danger, most urgent first."""
    return shipped_helplines().for_kinds(kinds)


@cache
def shipped_helplines() -> Helplines:
    return Helplines(FILE.read_text(encoding="utf-8"))


def _line(name: str, entry: dict[str, Any]) -> Helpline:
    numbers = [str(entry["call"]), str(entry.get("text", ""))]
    for number in numbers:
        digits = number.replace("-", "")
        if digits in REFUSED:
            raise HelplinesError(f"helplines.yml: {name} has a number that is no longer answered")
        if digits and not digits.isdecimal():
            raise HelplinesError(f"helplines.yml: {name} has {number!r}, which is no number")
    if not isinstance(entry["checked"], date):
        raise HelplinesError(f"helplines.yml: {name} does not say on which day it was checked")
    return Helpline(
        name=entry["name"],
        call=numbers[0],
        text=numbers[1],
        note=entry["note"],
        text_word=entry.get("text_word", ""),
    )
