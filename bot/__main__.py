"""The commands of `python -m bot`; `--help` lists them."""

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

from bot.settings import Settings, SettingsError, current
from bot.training import TrainingFailed, fitting_model, train

# What `serve` starts, each a command of its own; the staff console will be the second.
PROCESSES = ("chat",)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="train if needed, then serve the chat until Ctrl-C")
    commands.add_parser("chat", help="serve the chat with the model that is there")
    commands.add_parser("train", help="train the model")
    commands.add_parser("encoder", help="fetch and build the sentence encoder")
    evaluate = commands.add_parser("evaluate", help="score the model on a file of questions")
    evaluate.add_argument("file", nargs="?", type=Path, help="TSV with the columns text and topic")
    evaluate.add_argument("--out", type=Path, default=Path("artifacts/evaluation"))
    evaluate.add_argument("--publish", action="store_true", help="and tell it on /privacy")
    danger = commands.add_parser("evaluate-danger", help="score the danger guard on a file")
    danger.add_argument("file", nargs="?", type=Path, help="TSV with tier, kind and text")
    danger.add_argument("--out", type=Path, default=Path("artifacts/evaluation"))
    danger.add_argument("--publish", action="store_true", help="and tell it on /privacy")
    ship = commands.add_parser(
        "ship-danger", help="make the danger model's files of what scripts/train_danger.py taught"
    )
    ship.add_argument(
        "tail", nargs="?", type=Path, help="tail.safetensors; without it the layers stay"
    )
    benchmark = commands.add_parser("benchmark", help="time the chat beside a stock Rasa bot")
    benchmark.add_argument("--messages", type=int, default=200)
    nlu = commands.add_parser("benchmark-nlu", help="measure understanding beside stock Rasa")
    nlu.add_argument("folder", type=Path, help="BANKING77: train_10shot_pub.csv and test.csv")
    nlu.add_argument("--only", help="one contestant, in this process: its figures as JSON")
    chosen = parser.parse_args(arguments)
    _quieten()
    try:
        return _run(chosen, current())
    except (SettingsError, TrainingFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace, settings: Settings) -> int:
    match chosen.command:
        case "serve":
            _model(settings)
            return _serve(settings)
        case "chat":
            # One message is small work: more threads only wait for each other, on a whole core.
            os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
            from bot.website.server import serve_chat

            serve_chat(settings, fitting_model(settings))
        case "train":
            _train(settings)
        case "encoder":
            from bot.nlu.encoder import Encoder

            encoder = Encoder.load(
                settings.encoder, settings.models, weights_folder=settings.weights
            )
            print(f"The {settings.encoder} encoder is ready ({encoder.fingerprint}).")
        case "evaluate":
            from bot.evaluation import evaluate_file

            return evaluate_file(_model(settings), chosen.file, chosen.out, publish=chosen.publish)
        case "evaluate-danger":
            from bot.evaluation.danger import evaluate_danger

            return evaluate_danger(
                _model(settings), chosen.file, chosen.out, publish=chosen.publish
            )
        case "ship-danger":
            from bot.nlu.danger_shipping import ship

            print(ship(settings, chosen.tail))
        case "benchmark":
            from bot.benchmark import run_benchmark

            _model(settings)
            run_benchmark(settings, chosen.messages)
        case "benchmark-nlu":
            from bot.benchmark_nlu import as_json, measure, run_benchmark_nlu

            if not chosen.only:
                return run_benchmark_nlu(chosen.folder)
            print(as_json(measure(chosen.only, chosen.folder, settings)))
    return 0


def _model(settings: Settings) -> Path:
    return fitting_model(settings) or _train(settings)


def _train(settings: Settings) -> Path:
    print("Training the model; this takes about a minute.", flush=True)
    started = time.monotonic()
    path = train(settings)
    print(f"Trained {path.name} in {time.monotonic() - started:.0f} s.", flush=True)
    return path


def _serve(settings: Settings) -> int:
    """Runs the processes until Ctrl-C, or until one of them ends; then ends them all."""
    running = [
        subprocess.Popen([sys.executable, "-m", "bot", process])  # noqa: S603 - our own
        for process in PROCESSES
    ]
    print(
        f"Chat: http://{settings.chat_host}:{settings.chat_port} (in about 15 seconds)", flush=True
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
    except KeyboardInterrupt:
        pass
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait() for process in running]
    return max((code for code in codes if code > 0), default=0)


def _quieten() -> None:
    """Leaves out what Rasa's old dependencies say of each other: nobody here can act on it."""
    os.environ.update(
        RASA_TELEMETRY_ENABLED="false", TF_CPP_MIN_LOG_LEVEL="3", PYTHONWARNINGS="ignore"
    )
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("spacy", "alembic", "matplotlib"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
