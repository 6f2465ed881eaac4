"""Makes the zoo's and the benchmark's modules importable for the tests of this folder."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "zoo"), str(ROOT / "bench")]
