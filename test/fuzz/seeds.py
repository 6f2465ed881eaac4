"""Writes the models of the onnx package's node tests as seeds for fuzz_onnx: seeds.py FOLDER"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "onnx"))

import conformance  # noqa: E402

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for test in conformance.load_tests():
    (folder / test.name).write_bytes(test.model.SerializeToString())
