"""Times the chat beside the bot of `rasa init`: the same questions, in turns, in one run."""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from bot.evaluation.run import HELD_OUT
from bot.evaluation.scores import read_questions
from bot.settings import ROOT, Settings
from bot.topics import shipped_topics

ENVIRON = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
}
START_WITHIN = 180  # seconds
WARM_UP = 10  # messages that do not count


@dataclass(frozen=True)
class _Bot:
    process: subprocess.Popen[bytes]
    url: str
    body: Callable[[str, int], dict[str, str]]  # of a text and its number


# A pressed choice is HTTP, database and Rasa's dialogue, and no reading: no message can cost less.
CHOICE = "a pressed choice"


def run_benchmark(settings: Settings, messages: int) -> None:
    """Prints medians, 95th percentiles, memory and the ratios; takes about three minutes."""
    texts = [question.text for question in read_questions(HELD_OUT, shipped_topics())][:messages]
    with TemporaryDirectory(prefix="rapport-benchmark-") as folder:
        print("Making and training the bot of `rasa init` ...", flush=True)
        log = Path(folder) / "stock.log"
        stock_folder = Path(folder) / "stock"
        stock_folder.mkdir()
        _run(["-m", "rasa", "init", "--no-prompt", "--init-dir", str(stock_folder)], log)
        ours_port, stock_port = _free_port(), _free_port()
        database = f"sqlite:///{folder}/rapport.db"
        ours = {
            "BOT_CHAT_PORT": str(ours_port),
            "BOT_DATABASE_URL": database,
            "BOT_RATE_LIMIT": "0",
        }
        with (
            _server(["-m", "bot", "chat"], ROOT, ours, f"http://127.0.0.1:{ours_port}/health/ready",
                    log) as rapport,
            _server(["-m", "rasa", "run", "--port", str(stock_port)], stock_folder, {},
                    f"http://127.0.0.1:{stock_port}/", log) as stock,
            # It waits for no acknowledgement inside a message, as browsers do not.
            requests.Session() as client,
        ):  # fmt: skip
            bots = {
                f"rapport ({settings.encoder})": _Bot(
                    rapport,
                    f"http://127.0.0.1:{ours_port}/api/chat",
                    lambda text, _number: {"text": text},
                ),
                CHOICE: _Bot(
                    rapport,
                    f"http://127.0.0.1:{ours_port}/api/chat",
                    lambda _text, _number: {"choice": "faq/principles"},
                ),
                "rasa init": _Bot(
                    stock,
                    f"http://127.0.0.1:{stock_port}/webhooks/rest/webhook",
                    lambda text, number: {"sender": f"visitor-{number}", "message": text},
                ),
            }
            times: dict[str, list[float]] = {name: [] for name in bots}
            for number, text in enumerate([*texts[:WARM_UP], *texts]):
                for name, bot in bots.items():
                    started = time.perf_counter()
                    client.post(bot.url, json=bot.body(text, number), timeout=60).raise_for_status()
                    if number >= WARM_UP:
                        times[name].append(1000 * (time.perf_counter() - started))
            memory = {name: _megabytes(bot.process.pid) for name, bot in bots.items()}
    print(f"{len(texts)} held-out questions, each to both in turn, a new conversation each:")
    print(f"{'':22}{'median ms':>11}{'95% under':>11}{'memory MB':>11}")
    for name, taken in times.items():
        print(
            f"{name:22}{statistics.median(taken):>11.1f}{_percentile(taken, 95):>11.1f}"
            f"{memory[name]:>11.0f}"
        )
    (ours_name, ours_taken), _, (stock_name, stock_taken) = times.items()
    ratio = statistics.median(ours_taken) / statistics.median(stock_taken)
    print(f"{'ratio':22}{ratio:>11.2f}{'':>11}{memory[ours_name] / memory[stock_name]:>11.2f}")


@contextmanager
def _server(
    arguments: Sequence[str], folder: Path, environ: dict[str, str], ready: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            cwd=folder, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRON, **environ},
        )  # fmt: skip
    try:
        _wait(process, ready, log)
        yield process
    finally:
        process.terminate()
        process.wait()


def _run(arguments: Sequence[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments], stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRON}, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{log.read_text()[-2000:]}")


def _wait(process: subprocess.Popen[Any], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise RuntimeError(f"a server did not start:\n{log.read_text()[-2000:]}")


def _megabytes(pid: int) -> float:
    """Resident memory of a process, read where Linux tells it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell a process's memory in /proc")


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
