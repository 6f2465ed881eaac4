"""`python -m fovea_zoo VERB ...` (with `zoo` on PYTHONPATH).

Each verb is a module with `add_arguments(parser)` and `run(arguments)`; its docstring is the verb's help, its `EXAMPLES`
the end of it. `run` reports a user's mistake by raising `UserError`.
"""

import argparse
import importlib
import sys

from .errors import UserError

# verb -> (module, what it does)
VERBS = {
    "import": ("fovea_zoo.importing", "write published weights as ONNX, with their contract"),
    "export": ("fovea_zoo.export", "write a network as ONNX, with its contract"),
    "generate": ("fovea_zoo.roads.command", "render road scenes with exact truth"),
    "train": ("fovea_zoo.train", "train small networks on generated road scenes"),
    "evaluate": ("fovea_zoo.evaluate", "measure exported networks on the validation frames"),
}


def usage() -> str:
    lines = [f"  {verb:10}{summary}" for verb, (_, summary) in VERBS.items()]
    return "\n".join(["usage: python -m fovea_zoo VERB ...", "", *lines, "", "VERB --help says more."])


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    verb, *rest = arguments
    if verb not in VERBS:
        print(f"fovea_zoo: unknown verb '{verb}'\n{usage()}", file=sys.stderr)
        return 2
    module = importlib.import_module(VERBS[verb][0])
    parser = argparse.ArgumentParser(
        prog=f"python -m fovea_zoo {verb}", description=module.__doc__, epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    try:
        module.run(parser.parse_args(rest))
    except UserError as error:
        print(f"fovea_zoo {verb}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
