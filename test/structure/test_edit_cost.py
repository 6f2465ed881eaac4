"""What it costs to add an operator, a pass, a kernel, a verb or a backend: the places that name an existing one.

Each kind has one ordered list. What the list names is defined in one file; apart from that file, the list, a declaration and
the build's list of sources, nothing may know it by its function's or its file's name. docs/architecture.md states the costs.
"""

import functools
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kind:
    """`listing` holds an entry per match of `entry`, whose function a file of `room` defines; {} is the entry's name."""

    name: str
    listing: str
    entry: str
    room: str
    lines: int


KINDS = [
    Kind("operator", "src/ops/registry.cpp", r"\b(\w+)_operators\(\)", "src/ops", 3),
    Kind("pass", "src/pass/pipeline.cpp", r"^ +(\w+)\(\),$", "src/pass", 3),
    Kind("kernel", "src/backend/cpu/cpu.cpp", r"\b(\w+)_family\(\)", "src/backend/cpu", 3),
    Kind("GPU kernel", "src/backend/cuda/cuda.cpp", r"\b(\w+)_kernels\(\)", "src/backend/cuda", 3),
    Kind("verb", "cli/main.cpp", r"^ +(\w+)_verb,$", "cli", 3),
    # The reference is no backend like the others: it is the oracle, and the last resort of each.
    Kind("backend", "src/api/backends.cpp", r"make_(?!reference)(\w+)_backend\(\)", "src/backend/{}", 2),
]
# Rooms that treat all operators alike, but for those that change nothing but the type.
NEUTRAL = ("src/base", "src/ir", "src/plan", "src/runtime", "src/tune", "src/compiler", "src/api", "cli", "include")
TYPE_OPERATORS = {"Cast", "DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"}


@functools.cache
def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


@functools.cache
def tracked(*patterns):
    output = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True).stdout
    return [name for name in output.decode().split("\0") if name and (ROOT / name).is_file()]


def entries(kind):
    """(name, the text that stands in the list) of each entry."""
    return sorted({(match[1], match[0].strip(" ,()")) for match in re.finditer(kind.entry, read(kind.listing), re.M)})


def sources_of(kind, name, symbol):
    """The files of the room that define the entry's function."""
    definition = re.compile(rf"^[\w:<> ]+ {symbol}\([^)]*\) \{{", re.M)
    files = tracked(kind.room.replace("{}", name) + "/*.cpp")
    return [path for path in files if definition.search(read(path))]


def places(kind, symbol, source):
    """Lines outside the entry's own files that name its function or its source file."""
    source = Path(source)
    own = re.compile(rf"{re.escape(str(source.with_suffix('')))}(_\w+)?\.[ch]pp$")
    word, file_word = re.compile(rf"\b{symbol}\("), re.compile(rf"(?<![\w/]){source.name}\b")
    found = []
    for path in tracked("src", "cli", "include", "python"):
        if own.match(path):
            continue
        lists_sources = path == str(source.parent / "CMakeLists.txt")
        for number, line in enumerate(read(path).splitlines(), 1):
            listed = path == kind.listing and re.search(rf"\b{symbol}\b", line)
            if listed or word.search(line) or (lists_sources and file_word.search(line)):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def cases():
    return [pytest.param(kind, name, symbol, id=f"{kind.name}-{name}") for kind in KINDS for name, symbol in entries(kind)]


@pytest.mark.parametrize("kind, name, symbol", cases())
def test_places_that_name_it(kind, name, symbol):
    sources = sources_of(kind, name, symbol)
    assert len(sources) == 1, f"{kind.name} {name}: expected one file of {kind.room} that defines it, found {sources}"
    found = places(kind, symbol, sources[0])
    assert len(found) <= kind.lines, f"{len(found)} places, at most {kind.lines} expected:\n" + "\n".join(found)


def operator_names():
    """Every operator that a file of src/ops defines."""
    text = "".join(read(path) for path in tracked("src/ops/*.cpp"))
    return set(re.findall(r'\.name = "(\w+)"', text)) | set(re.findall(r'^ +\w+\("([A-Z]\w+)",', text, re.M))


def test_rooms_that_know_no_operator():
    names = operator_names() - TYPE_OPERATORS
    assert {"Conv", "Softmax", "Relu"} <= names
    found = []
    for path in tracked(*(f"{room}/*.[ch]pp" for room in NEUTRAL)):
        for number, line in enumerate(read(path).splitlines(), 1):
            code = line.split("//")[0]
            found += [f"{path}:{number}: {line.strip()}" for text in re.findall(r'"(\w+)"', code) if text in names]
    assert not found, "\n".join(found)


def test_each_pass_has_a_case():
    pass_kind = next(kind for kind in KINDS if kind.name == "pass")
    missing = [name for name, _ in entries(pass_kind) if not list((ROOT / "test/pass").glob(f"{name}*.ir"))]
    assert not missing, f"passes without an .ir test: {', '.join(missing)}"


def test_each_operator_has_a_case():
    tests = "".join(read(path) for path in tracked("test/ops"))
    missing = sorted(name for name in operator_names() if not re.search(rf"\b{name}\b", tests))
    assert not missing, f"operators without a case in test/ops: {', '.join(missing)}"


@pytest.mark.parametrize("header, declaration, kind", [
    ("src/ops/registry.hpp", r"^std::span<const Op> (\w+)_operators\(\)", KINDS[0]),
    ("src/pass/passes.hpp", r"^Pass (\w+)\(\)", KINDS[1]),
    ("src/backend/cpu/families.hpp", r"^Family (\w+)_family\(\)", KINDS[2]),
    ("src/backend/cuda/families.hpp", r"^CudaFamily (\w+)_kernels\(\)", KINDS[3]),
    ("cli/verb.hpp", r"^Verb (\w+)_verb\(\)", KINDS[4]),
], ids=lambda value: getattr(value, "name", ""))
def test_what_is_declared_is_listed(header, declaration, kind):
    assert set(re.findall(declaration, read(header), re.M)) == {name for name, _ in entries(kind)}
