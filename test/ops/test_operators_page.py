"""docs/operators.md is what build/bin/operators_page prints. What the CPU's kernels take depends on the processor, and only a build that
finds NVRTC knows what a GPU's take."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/bin/operators_page"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="operators_page is not built: run scripts/build")


def processor_of(page: str) -> str:
    return re.search(r"on a processor of the kind\s+`(.*)`", page).group(1)


def columns(page: str, *kept: int) -> str:
    """The page with these columns of its table alone."""
    def row(line):
        cells = line.split("|")
        return "|".join(cells[i] for i in kept if i < len(cells))

    return "\n".join(row(line) if line.startswith("|") else line for line in page.splitlines())


def test_page_is_current():
    page = (ROOT / "docs/operators.md").read_text()
    run = subprocess.run([PROGRAM], text=True, capture_output=True, check=True)
    kept = [1, 2]
    if processor_of(page) == processor_of(run.stdout):
        kept.append(3)
    if "no column GPU" not in run.stderr:
        kept.append(4)
    same, printed = (columns(text.replace(processor_of(text), ""), *kept) for text in (page, run.stdout))
    assert same == printed, "run build/bin/operators_page > docs/operators.md"
