"""The yardstick of understanding: what it reads, and what it prints."""

from pathlib import Path

import pytest

from bot.benchmark_nlu import Measured, read_examples, run_benchmark_nlu, table


def test_a_folder_without_the_split_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_benchmark_nlu(tmp_path) == 2
    assert "train_10shot_pub.csv, test.csv" in capsys.readouterr().err


def test_commas_and_quotes_in_a_question_stay(tmp_path: Path) -> None:
    file = tmp_path / "test.csv"
    file.write_text('text,label\n"Why, ""oh"" why?",why\n', encoding="utf-8")
    assert read_examples(file) == [('Why, "oh" why?', "why")]


def test_ratios_are_ours_to_the_rivals() -> None:
    shown = table({"small": Measured(80, 5, 5, 250), "rasa init": Measured(64, 50, 10, 500)})
    ratios = next(line for line in shown.splitlines() if line.startswith("small :")).split()
    assert ratios[-4:] == ["1.25", "0.10", "0.50", "0.50"]
