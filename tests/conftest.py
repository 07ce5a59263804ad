"""Fixtures: the trained model and the real server, each made once, and only where a test asks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from bot.settings import ROOT, Settings
from bot.store import Store
from bot.training import fitting_model, train

START_WITHIN = 120  # seconds


@dataclass
class Server:
    """A running chat process, with a database of its own."""

    process: subprocess.Popen[bytes]
    url: str
    database_url: str
    log: Path

    def store(self) -> Store:
        return Store(self.database_url)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a database in a temporary folder and the models of this checkout."""
    folder = tmp_path_factory.mktemp("settings")
    return Settings.from_env(
        {"BOT_DATABASE_URL": f"sqlite:///{folder / 'rapport.db'}", "BOT_SECRET": "s" * 32}
    )


@pytest.fixture(scope="session")
def model(settings: Settings) -> Path:
    """The model of today's files, trained if it is not there."""
    return fitting_model(settings) or train(settings)


@pytest.fixture(scope="session")
def start_server(
    model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Starts chat processes; each setting is an argument. All are stopped at the end."""
    started: list[Server] = []

    def start(*, wait_for: str = "/health/ready", **environ: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        port = free_port()
        database_url = environ.pop("BOT_DATABASE_URL", f"sqlite:///{folder / 'rapport.db'}")
        log = folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", "chat"],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "RASA_TELEMETRY_ENABLED": "false",
                    "BOT_CHAT_PORT": str(port),
                    "BOT_DATABASE_URL": database_url,
                    "BOT_SECRET": "s" * 32,
                    "BOT_RATE_LIMIT": "0",
                    **environ,
                },
            )
        server = Server(process, f"http://127.0.0.1:{port}", database_url, log)
        started.append(server)
        _wait_until_ready(server, wait_for)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def chat_server(start_server: Callable[..., Server]) -> Server:
    """The chat as visitors meet it, without limits of rate, embedded by one other site."""
    return start_server(BOT_ALLOWED_ORIGINS="http://clinic.test")


@pytest.fixture
def visitor(chat_server: Server) -> Iterator[Visitor]:
    """A visitor with a conversation of their own."""
    with httpx.Client(base_url=chat_server.url, timeout=30) as client:
        yield Visitor(client)


class Visitor:
    """Says things over HTTP, and keeps the conversation's token."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.session: str | None = None

    def say(self, text: str) -> dict[str, Any]:
        return self._send({"text": text})

    def press(self, choice: str) -> dict[str, Any]:
        return self._send({"choice": choice})

    def history(self) -> dict[str, Any]:
        """What a reload would bring back."""
        kept: dict[str, Any] = self.client.get(
            "/api/session", params={"session": self.session}
        ).json()
        return kept

    def write_to_clinic(self, **fields: Any) -> httpx.Response:
        form = {
            "name": "Ana Lima",
            "email": "ana@example.com",
            "message": "Please call me about a first session.",
            "consent": True,
            "session": self.session,
            **fields,
        }
        return self.client.post("/api/contact", json=form)

    def _send(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.session:
            message["session"] = self.session
        response = self.client.post("/api/chat", json=message)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        self.session = answer["session"]
        return answer


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that the project knows."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rapport.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a PostgreSQL server of our own, started for this run."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        missing("PostgreSQL")
    folder = Path("/tmp") / f"rapport-postgresql-{os.getpid()}"  # noqa: S108 - a short path for its socket
    folder.mkdir()
    shutil.chown(folder, "postgres")
    port = free_port()
    # PostgreSQL refuses to run as root.
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    data = folder / "data"
    subprocess.run(
        [*as_postgres, programs[-1] / "initdb", "-D", data, "-A", "trust", "-U", "rapport"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [*as_postgres, programs[-1] / "pg_ctl", "-D", data, "-w", "-s"]
    subprocess.run(
        [*control, "-o", options, "-l", folder / "log", "start"], check=True, cwd=folder,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    yield port
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd=folder)
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql: int) -> str:
    import psycopg2

    name = f"rapport_{time.monotonic_ns()}"
    connection = psycopg2.connect(
        host="127.0.0.1", port=postgresql, user="rapport", dbname="postgres"
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return f"postgresql://rapport@127.0.0.1:{postgresql}/{name}"


def missing(program: str) -> NoReturn:
    """Skips a test that cannot run here, but never in CI, which installs everything."""
    says = f"{program} is not installed; .ci/run installs it"
    if os.environ.get("CI"):
        pytest.fail(says)
    pytest.skip(says)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Server, path: str) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            if httpx.get(server.url + path, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the chat did not start:\n{server.log.read_text()[-3000:]}")
