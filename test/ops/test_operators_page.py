"""docs/operators.md is what build/bin/operators_page prints. What the CPU's kernels take depends on the processor."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/bin/operators_page"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="operators_page is not built: run scripts/build")


def processor_of(page: str) -> str:
    return re.search(r"on a processor of the kind\s+`(.*)`", page).group(1)


def without_kernels(page: str) -> str:
    page = page.replace(processor_of(page), "")
    return re.sub(r"^(\|[^|]*\|[^|]*\|).*$", r"\1", page, flags=re.MULTILINE)


def test_page_is_current():
    page = (ROOT / "docs/operators.md").read_text()
    printed = subprocess.check_output([PROGRAM], text=True)
    if processor_of(page) != processor_of(printed):
        page, printed = without_kernels(page), without_kernels(printed)
    assert page == printed, "run build/bin/operators_page > docs/operators.md"
