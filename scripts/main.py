"""The command line: `mcproxy VERB ...` runs the file of that name in this folder; `mcproxy --help` lists the verbs."""

import ast
import importlib
import sys
from pathlib import Path

import mcproxy
from mcproxy import errors
from mcproxy.scripts import _cli


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return the exit code (see `_cli`)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    verb, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    return _cli.run(lambda rest: _dispatch(verb, rest), verb if verb in verbs() else "", rest)


def verbs() -> dict[str, str]:
    """Every verb with the first paragraph of its file's docstring; the file is parsed, not run."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    verbs = [f for f in files if not f.stem.startswith("_") and f.stem != "main"]
    return {f.stem: (ast.get_docstring(ast.parse(f.read_bytes())) or "").partition("\n\n")[0].strip() for f in verbs}


def _dispatch(verb: str, argv: list[str]) -> int:
    if verb in ("--help", "-h", "help"):
        _print_help()
    elif verb == "--version":
        print(f"mcproxy {mcproxy.__version__}")
    elif verb in verbs():
        return importlib.import_module(f"mcproxy.scripts.{verb}").main(argv)
    else:
        raise errors.unknown("verb", verb, verbs())
    return 0


def _print_help() -> None:
    width = max(map(len, verbs()))
    print("usage: mcproxy VERB [--help] ...\n\nWhat did the agent want? Train one, evaluate it, watch it.\n")
    for verb, sentence in verbs().items():
        print(f"  {verb:{width}}  {' '.join(sentence.split())}")
    print("\nmcproxy VERB --help shows its options; mcproxy --version prints the version.")


if __name__ == "__main__":
    sys.exit(main())
