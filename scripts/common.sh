# Shared by the scripts of this folder; source it, do not run it.
# Sets the working directory to the repository root and offers `say`, `die` and `quietly`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=$PWD/.cache
venv=$PWD/.venv
build=$PWD/build

say() { printf '%s\n' "$*"; }

# die MESSAGE... : one line a message on standard error, then failure.
die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# quietly NAME COMMAND... : runs a command with its output in .cache/NAME.log; shows the end of it only on failure.
quietly() {
    local log=$cache/$1.log status=0
    shift
    mkdir -p "$cache"
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        tail -n 40 "$log" >&2
        printf 'failed (exit %s): %s\nthe whole output is in %s\n' "$status" "$*" "$log" >&2
    fi
    return "$status"
}

# Compilers to run at once: one per core, and no more than one per 1.5 GB of free memory.
job_count() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/^MemAvailable:/ {print int($2 / 1572864)}' /proc/meminfo)
    [ "$memory" -ge 1 ] || memory=1
    [ "$cores" -le "$memory" ] && say "$cores" || say "$memory"
}

# The first C++ compiler that knows C++20 well enough (GCC 12, Clang 15); CXX names another.
find_compiler() {
    local name
    for name in ${CXX:-c++ g++-14 g++-13 g++-12}; do
        if printf '#if defined(__clang__) ? __clang_major__ < 15 : __GNUC__ < 12\n#error too old\n#endif\n' |
            "$name" -fsyntax-only -x c++ - 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}
