"""Makes the built Python module, the zoo, the benchmark and the scripts importable for all tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("build/python", "zoo", "bench", "scripts")]
