#!/usr/bin/env python3
"""Holds every `#include "room/..."` under src/, cli/, python/ and include/ against the table of rooms in
docs/architecture.md: a room may include itself, its direct dependencies, and whatever those depend on.

Also checks that no room's CMake file declares a dependency that the table does not hold.
Prints one line per violation; exits 1 when there is one.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
LIBRARY = re.compile(r"fovea_library\(\s*(\w+)(.*?)\)", re.S)
ROW = re.compile(r"^\|\s*(?P<folders>`[^|]+)\|[^|]*\|(?P<needs>[^|]*)\|\s*$")
SOURCES = ("*.cpp", "*.hpp")


def read_table(text):
    """Maps each room, named by its path below src/ (or `cli`, `python`, ...), to its direct dependencies."""
    table = {}
    for line in text.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        needs = row["needs"].replace("nothing", "").replace("–", "").split()
        for folder in re.findall(r"`([\w/]+)/`", row["folders"]):
            table[folder.removeprefix("src/")] = needs
    backends = sorted(room for room in table if room.startswith("backend/"))
    return {room: expand(needs, backends) for room, needs in table.items() if not room.startswith("include")}


def expand(needs, backends):
    rooms = [need for need in needs if need != "backend/*"]
    return rooms + backends if "backend/*" in needs else rooms


def closure(room, table):
    """`room` and everything it may include, directly or through others."""
    seen, todo = set(), [room]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(table.get(current, []))
    return seen


def room_of(path, table):
    """The deepest room that holds `path` (relative to src/ or the root), or None."""
    parts = Path(path).parts[:-1]
    for length in range(len(parts), 0, -1):
        if "/".join(parts[:length]) in table:
            return "/".join(parts[:length])
    return None


def check_includes(table, root=ROOT):
    """A line per include that the table does not allow."""
    problems = []
    for base, prefix in ((root / "src", ""), (root / "cli", "cli/"), (root / "python", "python/")):
        for path in sorted(p for pattern in SOURCES for p in base.rglob(pattern)):
            room = room_of(prefix + str(path.relative_to(base)), table)
            where = path.relative_to(root)
            if room is None:
                problems.append(f"{where}: its folder is not in the table of docs/architecture.md")
                continue
            allowed = closure(room, table)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                include = INCLUDE.match(line)
                target = room_of(include[1], table) if include else None
                if target and target not in allowed:
                    problems.append(f"{where}:{number}: {room} may not include {target} (\"{include[1]}\")")
    for path in sorted((root / "include").rglob("*.hpp")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            include = INCLUDE.match(line)
            if include and not include[1].startswith("fovea/"):
                problems.append(f"{path.relative_to(root)}:{number}: a public header may include fovea/ only")
    return problems


def check_cmake(table, root=ROOT):
    """Holds DEPENDS of each fovea_library against the table; a library is named after its room, with / as _."""
    rooms = {room.replace("/", "_"): room for room in table}
    problems = []
    for path in sorted((root / "src").rglob("CMakeLists.txt")):
        for name, body in LIBRARY.findall(path.read_text(encoding="utf-8")):
            where = path.relative_to(root)
            depends = re.search(r"\bDEPENDS\b(.*?)(?:\bLINK\b|\bSOURCES\b|$)", body, re.S)
            declared = set(depends[1].split()) if depends else set()
            if name not in rooms:
                problems.append(f"{where}: {name} is not in the table of docs/architecture.md")
                continue
            allowed = {need.replace("/", "_") for need in closure(rooms[name], table)}
            for extra in sorted(declared - allowed):
                problems.append(f"{where}: {name} depends on {extra}, which the table does not allow")
    return problems


def main():
    table = read_table((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    if len(table) < 10:
        sys.exit("check_layers: docs/architecture.md holds no table of rooms")
    problems = check_includes(table) + check_cmake(table)
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
