"""The figures last measured on held-out files, as /privacy shows them: docs/figures.json."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bot.settings import ROOT

FILE = ROOT / "docs" / "figures.json"


def measured(path: Path = FILE) -> dict[str, Any]:
    """`figures`, from what was measured to what came out, and `measured_on`; nothing of no file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def publish(figures: Mapping[str, float | None], today: date, path: Path = FILE) -> None:
    """Puts these shares, 0 to 1, in the place of earlier ones of the same name."""
    shown = {name: f"{100 * share:.1f}%" for name, share in figures.items() if share is not None}
    kept = {**measured(path).get("figures", {}), **shown}
    text = json.dumps({"measured_on": today.isoformat(), "figures": kept}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
