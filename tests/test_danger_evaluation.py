"""What `make evaluate-danger` counts, of any file; a bad one is refused with a sentence."""

from pathlib import Path

import pytest

from bot.evaluation.danger import (
    Seen,
    SentencesError,
    curve,
    evaluate_danger,
    read_sentences,
    summary,
    text_report,
)
from bot.outcome import DANGER_MODEL

DANGER = [
    Seen("first", "full", "goodbye", "full", (DANGER_MODEL,), 1.2),
    Seen("second", "full", "goodbye", "soft", ("A rule",), -0.2),
    Seen("third", "full", "overdose", "none", (), -1.5),
    Seen("fourth", "full", "overdose", "full", ("A rule", DANGER_MODEL), 0.9),
]
HARMLESS = [
    Seen("fifth", "none", "idiom", "none", (), -1.6),
    Seen("sixth", "none", "idiom", "full", ("A rule",), -1.0),
]


def test_shares_are_of_the_sentences_of_a_tier() -> None:
    found = summary([*DANGER, *HARMLESS])
    assert (found["shown help"], found["shown the full reply"]) == (0.75, 0.5)
    assert (found["seen by the rules"], found[f"seen by the {DANGER_MODEL}"]) == (0.5, 0.5)
    assert (found["harmless: full reply"], found["harmless: soft line"]) == (0.5, 0.0)
    assert found["harmless: full with the rules"] == 0.5
    assert found[f"harmless: full with the {DANGER_MODEL}"] == 0.0


def test_of_a_tier_without_sentences_nothing_is_told() -> None:
    assert not [name for name in summary(DANGER) if name.startswith(("harmless", "in between"))]
    assert not [name for name in summary(HARMLESS) if not name.startswith("harmless")]
    assert curve(DANGER) == curve(HARMLESS) == []
    assert "shown help" in text_report(DANGER)
    assert "harmless" in text_report(HARMLESS)


def test_the_curve_tells_what_is_seen_above_the_harmless_scores() -> None:
    points = dict(curve([*DANGER, *HARMLESS]))
    assert points[0.005] == 0.75


def test_a_report_lists_what_was_missed_and_what_was_no_danger() -> None:
    report = text_report([*DANGER, *HARMLESS])
    assert "overdose: third" in report
    assert "idiom, by A rule: sixth" in report


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tier\tkind\ttext\nfull\tgoodbye\tbye\nhigh\tgoodbye\tbye\n", "line 3: give tier"),
        ("tier\tkind\ttext\nfull\tgoodbye\t\n", "line 2: give tier"),
        ("tier\tkind\ttext\n", "holds no sentence"),
    ],
)
def test_a_bad_file_is_refused(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sentences.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SentencesError, match=said):
        read_sentences(path)
    assert evaluate_danger(tmp_path / "no-model", path, tmp_path) == 2
    assert said in capsys.readouterr().err
