"""Rasa's own commands work in this repository, and the conversations go as they are written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.settings import ROOT

pytestmark = pytest.mark.model

ENVIRON = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}


def rasa(
    *arguments: str | Path, folder: Path, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **ENVIRON, "BOT_DATABASE_URL": f"sqlite:///{folder / 'rapport.db'}"}
    return subprocess.run(
        [sys.executable, "-m", "rasa", *map(str, arguments)],
        cwd=ROOT, env=environ, input=typed,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_the_conversations_go_as_they_are_written(model: Path, tmp_path: Path) -> None:
    tested = rasa(
        "test", "core", "--model", model, "--stories", "tests/test_conversations.yml",
        "--out", tmp_path, "--fail-on-prediction-errors", folder=tmp_path,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert "stories: []" in (tmp_path / "failed_test_stories.yml").read_text() or (
        "None of the test stories failed" in (tmp_path / "failed_test_stories.yml").read_text()
    )


def test_rasa_finds_the_data_sound(tmp_path: Path) -> None:
    checked = rasa("data", "validate", "--domain", "domain.yml", "--data", "data", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr[-2000:]
    assert "No story structure conflicts found" in checked.stdout + checked.stderr


def test_rasa_scores_the_understanding(model: Path, tmp_path: Path) -> None:
    questions = tmp_path / "nlu.yml"
    questions.write_text(
        'version: "3.1"\nnlu:\n'
        "- intent: faq/what_is_relational_therapy\n  examples: |\n"
        "    - what is relational therapy\n"
        "- intent: practical/fees\n  examples: |\n    - how much is one session\n"
        "- intent: contact\n  examples: |\n    - i want to talk to a person\n",
        encoding="utf-8",
    )
    tested = rasa(
        "test", "nlu", "--model", model, "--nlu", questions, "--out", tmp_path, "--no-plot",
        folder=tmp_path,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stderr[-2000:]
    intents = json.loads((tmp_path / "intent_report.json").read_text())
    keys = json.loads((tmp_path / "response_selection_report.json").read_text())
    assert intents["accuracy"] == keys["accuracy"] == 1


def test_rasa_talks_in_a_shell(model: Path, tmp_path: Path) -> None:
    talked = rasa(
        "shell", "nlu", "--model", model, folder=tmp_path, typed="what is relational therapy\n"
    )
    assert '"full_retrieval_intent_name": "faq/what_is_relational_therapy"' in talked.stdout
