"""Trains the model in a child process, and publishes it in one step. It never imports Rasa."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bot.settings import ROOT, Settings

_CODE = ("bot/nlu/*.py",)
# What a model is made of: where one of these changes, the model no longer fits.
_INGREDIENTS = ("config.yml", "domain.yml", "data/*.yml", "bot/topics.yml", *_CODE)
KEPT_MODELS = 3


class TrainingFailed(Exception):
    """No model came of it; the message says where to read why."""


def fitting_model(settings: Settings) -> Path | None:
    """The model that was trained on today's files, if there is one."""
    path = _path(settings)
    return path if path.exists() else None


def train(settings: Settings) -> Path:
    """Trains on today's files and publishes the model; a failure leaves what was there."""
    path = _path(settings)
    log = settings.models / "training.log"
    settings.models.mkdir(parents=True, exist_ok=True)
    name = f".new-{os.getpid()}"
    new = settings.models / f"{name}.tar.gz"
    command = [
        *(sys.executable, "-m", "rasa", "train", "--quiet"),
        *("--config", "config.yml", "--domain", "domain.yml", "--data", "data"),
        *("--out", str(settings.models), "--fixed-model-name", name),
        "--skip-validation",  # it reads all anew; `make check` does it
    ]
    environ = {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "BOT_ENCODER": settings.encoder,
        "BOT_MODELS": str(settings.models),
        "RASA_CACHE_DIRECTORY": str(_cache(settings)),
    }
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not new.exists():
        raise TrainingFailed(f"training failed; {log} says why")
    new.replace(path)
    _forget_old_models(settings)
    return path


def _path(settings: Settings) -> Path:
    return settings.models / f"rapport-{_digest(_INGREDIENTS, settings.encoder)}.tar.gz"


def _cache(settings: Settings) -> Path:
    """Where Rasa keeps what was learnt; it would take what other code had learnt for the same."""
    caches = settings.models / "cache" / settings.encoder
    folder = caches / _digest(_CODE)
    if not folder.exists():
        shutil.rmtree(caches, ignore_errors=True)
    return folder


def _digest(patterns: tuple[str, ...], encoder: str = "") -> str:
    digest = hashlib.sha256(encoder.encode())
    for pattern in patterns:
        for file in sorted(ROOT.glob(pattern)):
            digest.update(file.relative_to(ROOT).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _forget_old_models(settings: Settings) -> None:
    """Keeps the newest few, to go back to; an interrupted one goes after a day."""
    models = sorted(
        settings.models.glob("rapport-*.tar.gz"), key=lambda path: -path.stat().st_mtime
    )
    stale = [
        path
        for path in settings.models.glob(".new-*.tar.gz")
        if path.stat().st_mtime < time.time() - 86_400
    ]
    for path in (*models[KEPT_MODELS:], *stale):
        path.unlink(missing_ok=True)
