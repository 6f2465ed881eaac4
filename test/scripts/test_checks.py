"""The checks of scripts/ must find what they are there to find."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import check_docs  # noqa: E402
import check_layers  # noqa: E402

TABLE_TEXT = """
| folder | what lives there | ← |
|---|---|---|
| `src/base/` | basics | nothing |
| `src/ops/` | operators | base |
| `src/backend/` | interface | ops |
| `src/backend/cpu/` | kernels | backend |
| `src/backend/cuda/` | kernels | backend |
| `src/api/` | facade | backend/* |
| `python/`, `serve/` | bindings | api |
"""


@pytest.fixture
def tree(tmp_path):
    for folder in ("src/base", "src/ops", "src/backend/cpu", "src/api", "python", "include/fovea"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def layer_problems(tree):
    table = check_layers.read_table(TABLE_TEXT)
    return check_layers.check_includes(table, tree) + check_layers.check_cmake(table, tree)


def test_table_is_read():
    table = check_layers.read_table(TABLE_TEXT)
    assert table["base"] == []
    assert table["api"] == ["backend/cpu", "backend/cuda"]
    assert table["serve"] == ["api"]
    assert check_layers.closure("api", table) >= {"backend/cpu", "backend", "ops", "base"}


def test_allowed_includes_pass(tree):
    (tree / "src/backend/cpu/conv.cpp").write_text('#include "base/shape.hpp"\n#include "fovea/error.hpp"\n')
    (tree / "src/api/engine.cpp").write_text('#include "backend/cpu/conv.hpp"\n')
    (tree / "src/ops/CMakeLists.txt").write_text("fovea_library(ops\n  SOURCES a.cpp\n  DEPENDS base\n  LINK fmt::fmt)\n")
    assert layer_problems(tree) == []


@pytest.mark.parametrize("path, line", [
    ("src/base/shape.hpp", '#include "ops/op.hpp"'),
    ("src/ops/conv.cpp", '#include "backend/backend.hpp"'),
    ("src/backend/cpu/conv.cpp", '#include "backend/cuda/gemm.hpp"'),
    ("include/fovea/engine.hpp", '#include "base/shape.hpp"'),
    ("src/ops/CMakeLists.txt", "fovea_library(ops SOURCES a.cpp DEPENDS base backend)"),
])
def test_forbidden_dependencies_are_named(tree, path, line):
    (tree / path).write_text(line + "\n")
    problems = layer_problems(tree)
    assert len(problems) == 1 and problems[0].startswith(path)


def test_blocks_carry_their_marks():
    page = "text\n\n<!-- run -->\n```sh\necho 1\n```\n```sh\necho 2\n```\n<!-- not run: takes a camera -->\n```sh\na\n```\n"
    assert list(check_docs.blocks(page)) == [
        (4, "sh", "run", None, "echo 1\n"),
        (7, "sh", None, None, "echo 2\n"),
        (11, "sh", "not run", "takes a camera", "a\n"),
    ]


def page_problems(monkeypatch, tmp_path, text):
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    monkeypatch.setattr(check_docs, "make_scratch", lambda folder: None)
    page = tmp_path / "page.md"
    page.write_text(text)
    return list(check_docs.check_page(page))


def test_snippets_are_run(monkeypatch, tmp_path):
    assert page_problems(monkeypatch, tmp_path, "<!-- run -->\n```sh\necho hello >x\n```\n<!-- run -->\n```sh\ntest -f x\n```\n") == []
    problems = page_problems(monkeypatch, tmp_path, "<!-- run -->\n```sh\necho before; false\necho after\n```\n")
    assert len(problems) == 1 and problems[0].endswith("echo after\nbefore\n")


def test_unmarked_snippets_stale_files_and_dead_links_are_named(monkeypatch, tmp_path):
    (tmp_path / "a.json").write_text("{}\n")
    assert page_problems(monkeypatch, tmp_path, "<!-- file: a.json -->\n```json\n{}\n```\n") == []
    text = "```sh\nls\n```\n<!-- file: a.json -->\n```json\n[]\n```\n[there](nowhere.md) [here](a.json) [out](https://x.org)\n"
    problems = page_problems(monkeypatch, tmp_path, text)
    assert len(problems) == 3
    assert "nowhere.md" in problems[0]
    assert "not run" in problems[1]
    assert "differs from a.json" in problems[2]
