"""What all verbs share: help, examples, exit codes, JSON."""

import re
import shlex

import pytest

from conftest import BINARY, Tool

VERBS = re.findall(r"^  (\w+) {2,}", Tool(BINARY.parent)("--help").split("Subcommands:")[1].split("Examples:")[0], re.M)


def test_verbs():
    assert VERBS == ["build", "run", "inspect", "bench", "profile", "compare", "simplify", "extract", "doctor"]


def test_version(fovea):
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", fovea("--version"))


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples_that_begin_with_the_verb(fovea, verb):
    examples = re.findall(r"^  (fovea .*)$", fovea(verb, "--help").split("Examples:")[1], re.M)
    assert examples and all(shlex.split(example)[:2] == ["fovea", verb] for example in examples)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["--fast"], ["build", "--fast"], ["run"]])
def test_wrong_command_lines(fovea, arguments):
    assert "--help" in fovea(*arguments, code=2)


def test_damaged_plan(fovea, files):
    whole = bytearray((files / "model.plan").read_bytes())
    whole[-1] ^= 1
    (fovea.folder / "damaged.plan").write_bytes(whole)
    for verb in (["run", "damaged.plan", "--input", files / "in.npz"], ["inspect", "damaged.plan"], ["bench", "damaged.plan"]):
        assert "fovea: damaged.plan › " in fovea(*verb, code=6)
