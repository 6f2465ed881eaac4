#!/usr/bin/env python3
"""Runs the documentation: what README.md and docs/ show must work.

- A fenced ```sh block after the line `<!-- run -->` is executed with bash, in the order of the page, in one scratch folder a
  page that holds `model.onnx` (a small convolution network) and `photo.png`; `fovea` and the environment's `python` are on
  the PATH.
- Every other ```sh block must say why it is not run: `<!-- not run: reason -->`.
- A block after `<!-- file: PATH -->` must equal that file of the repository, word for word.
- Relative links must lead to files that exist.

usage: scripts/check_docs.py [PAGE...]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w*)\s*$")
MARK = re.compile(r"^<!--\s*(run|not run|file)\s*(?::\s*(.*?))?\s*-->\s*$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
SECONDS_PER_BLOCK = 120


def blocks(text):
    """Yields (line number, language, mark, argument, code) for every fenced block; mark is None without one."""
    mark, code, start = (None, None), None, 0
    language = ""
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if code is None and fence:
            code, language, start = [], fence[1], number
        elif code is not None and line.rstrip() == "```":
            yield start, language, *mark, "\n".join(code) + "\n"
            mark, code = (None, None), None
        elif code is not None:
            code.append(line)
        elif line.strip():
            found = MARK.match(line)
            mark = (found[1], found[2]) if found else (None, None)


def prose(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def check_links(page, text):
    for target in LINK.findall(prose(text)):
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
            yield f"{page.relative_to(ROOT)}: a link leads to {target}, which does not exist"


def make_scratch(folder):
    """Puts the files that the snippets may use into `folder`."""
    subprocess.run([sys.executable, ROOT / "scripts/sample_files.py", folder], check=True)


def run_block(code, folder):
    path = os.pathsep.join([str(ROOT / "build/bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "build/python")}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", code], cwd=folder, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=SECONDS_PER_BLOCK)


def check_page(page):
    """Yields a message per problem."""
    text = page.read_text(encoding="utf-8")
    yield from check_links(page, text)
    folder = None
    for line, language, mark, argument, code in blocks(text):
        where = f"{page.relative_to(ROOT)}:{line}"
        if mark == "file":
            if not (ROOT / argument).is_file():
                yield f"{where}: {argument} does not exist"
            elif (ROOT / argument).read_text(encoding="utf-8") != code:
                yield f"{where}: the block differs from {argument}"
        elif mark == "run":
            if folder is None:
                folder = Path(tempfile.mkdtemp(prefix="fovea_docs_"))
                make_scratch(folder)
            result = run_block(code, folder)
            if result.returncode != 0:
                yield f"{where}: exit {result.returncode}\n{code}{result.stdout}"
        elif language == "sh" and not (mark == "not run" and argument):
            yield f"{where}: mark this block <!-- run --> or <!-- not run: reason -->"
    if folder:
        shutil.rmtree(folder)


def main():
    pages = [Path(p).resolve() for p in sys.argv[1:]] or sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    problems = [problem for page in pages for problem in check_page(page)]
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
