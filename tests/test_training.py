"""A model is named after what it is made of; a failed training leaves what was there."""

from pathlib import Path

import pytest

from bot.settings import Settings
from bot.training import KEPT_MODELS, TrainingFailed, _cache, fitting_model, train


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    weights = tmp_path / "no-weights"
    weights.mkdir()
    return Settings.from_env(
        {
            "BOT_SECRET": "s" * 32,
            "BOT_MODELS": str(tmp_path / "models"),
            "BOT_WEIGHTS": str(weights),
            "BOT_ENCODER": "small",
        }
    )


def test_with_no_models_none_fits(settings: Settings) -> None:
    assert fitting_model(settings) is None


def test_what_other_code_has_learnt_is_not_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rasa's cache knows data and configuration, not the code that learnt."""
    now = _cache(settings)
    now.mkdir(parents=True)
    assert _cache(settings) == now
    monkeypatch.setattr("bot.training._CODE", ("bot/*.py",))
    assert _cache(settings) != now
    assert not now.exists()


@pytest.mark.model
def test_a_failed_training_says_where_to_read_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of weights is empty, so the encoder cannot be built."""
    settings.models.mkdir()
    old = [settings.models / f"rapport-{i}.tar.gz" for i in range(KEPT_MODELS)]
    for path in old:
        path.write_bytes(b"a model")
    monkeypatch.setenv("BOT_WEIGHTS", str(settings.weights))
    with pytest.raises(TrainingFailed, match=r"training\.log"):
        train(settings)
    assert "model.safetensors" in (settings.models / "training.log").read_text()
    assert sorted(settings.models.glob("*.tar.gz")) == old
