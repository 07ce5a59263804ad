"""What /privacy says of the measurements is what was measured last."""

from datetime import date
from pathlib import Path

from bot.figures import measured, publish


def test_of_no_file_nothing_is_told(tmp_path: Path) -> None:
    assert measured(tmp_path / "none.json") == {}


def test_a_later_figure_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    publish({"understood": 0.5, "wrong": 0.02}, date(2026, 1, 1), path)
    publish({"understood": 0.961, "missing": None}, date(2026, 2, 1), path)
    assert measured(path) == {
        "measured_on": "2026-02-01",
        "figures": {"understood": "96.1%", "wrong": "2.0%"},
    }
