"""Cached kernels: every source that a kernel may come from counts, and after an edit of one the new value is used."""

import ast
import functools
import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

import mcproxy
from mcproxy.engine import kernel_cache

PACKAGE = Path(mcproxy.__file__).parent
ROOT = PACKAGE.parent
BESIDE = ("tasks", "eval", "scripts")  # they lie beside the package in a checkout and are imported as parts of it
FILES = sorted(
    path for folder in ("mcproxy", *BESIDE) for path in (ROOT / folder).rglob("*.py") if "benchmarks" not in path.parts
)


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@functools.cache
def file_of(module: str) -> Path | None:
    """The file of a module of the project, or None of any other module."""
    first, _, rest = module.partition(".")
    if first != "mcproxy":
        return None
    base = ROOT if rest.partition(".")[0] in BESIDE else PACKAGE
    path = base.joinpath(*rest.split(".")) if rest else PACKAGE
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def modules_run_by(module: str) -> Iterator[str]:
    """The module and the packages that it is in: all of them run when it is imported."""
    parts = module.split(".")
    for k in range(1, len(parts) + 1):
        yield ".".join(parts[:k])


@functools.cache
def imported_by(file: Path) -> set[str]:
    """The modules of the project that a file imports, at its top or within a function."""
    modules: set[str] = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        modules.update(run for name in names for run in modules_run_by(name) if file_of(run))
    return modules


def reachable_from(file: Path) -> set[Path]:
    """Every file of the project that a file imports, and that those import."""
    found: set[Path] = set()
    queue = [file]
    while queue:
        for module in imported_by(queue.pop()):
            path = file_of(module)
            if path is not None and path not in found:
                found.add(path)
                queue.append(path)
    return found


def has_cached_kernel(file: Path) -> bool:
    return any(
        isinstance(node, ast.Call) and any(k.arg == "cache" and ast.unparse(k.value) == "True" for k in node.keywords)
        for node in ast.walk(parsed(file))
    )


def names_defined_in(file: Path) -> set[str]:
    """The names that a module gives to values and to kernels: what a kernel elsewhere may be compiled from."""
    names: set[str] = set()
    for node in parsed(file).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.FunctionDef) and any("njit" in ast.unparse(d) for d in node.decorator_list):
            names.add(node.name)
    return names


def values_taken_by(file: Path, source: Path) -> set[str]:
    """The values and kernels of `source` that a file imports by name, or as attributes of the imported module."""
    tree = parsed(file)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports if file_of(node.module or "") == source for alias in node.names}
    modules = {
        alias.asname or alias.name
        for node in imports
        for alias in node.names
        if file_of(f"{node.module}.{alias.name}") == source
    }
    names |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) in modules}
    values = {name for name in names_defined_in(source) if name.isupper() or not name[:1].isupper()}  # no type aliases
    return names & values


CHECKED = {path.resolve() for path in kernel_cache.sources(PACKAGE)}
KERNELS = [file for file in FILES if has_cached_kernel(file)]


def test_the_sources_hold_every_file_with_kernels_and_every_value_that_these_files_take_from_others():
    """Values of other files are those of files that are checked too, and of these the same holds."""
    assert KERNELS and set(KERNELS) <= CHECKED
    for file in CHECKED:
        for module in imported_by(file):
            source = file_of(module)
            assert source is not None
            assert source in CHECKED or not values_taken_by(file, source), (file, source)


@pytest.mark.parametrize("file", KERNELS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_whose_kernels_may_take_values_of_others_imports_the_engine_which_runs_the_check(file):
    engine = PACKAGE / "engine"
    others = (reachable_from(file) & CHECKED) - {file}
    assert engine in file.parents or engine / "__init__.py" in others or not others


# ---- edits of a tiny package with the same folders, which has the project's own check

SOURCES = {
    "__init__.py": "",
    "blocks.py": "STONE = 1\n",
    "controls.py": "",
    "items.py": "",
    "mission.py": "",
    "mobs.py": "",
    "engine/__init__.py": (PACKAGE / "engine" / "__init__.py").read_text().replace("mcproxy", "tiny"),
    "engine/kernel_cache.py": (PACKAGE / "engine" / "kernel_cache.py").read_text(),
    "engine/rules.py": "STEP = 10\n",
    "experts/__init__.py": "",
    "experts/search.py": (
        "from numba import njit\n"
        "from tiny.blocks import STONE\n"
        "from tiny.engine.rules import STEP\n\n"
        "@njit(cache=True)\n"
        "def cost():\n"
        "    return STEP + STONE\n"
    ),
}


@pytest.fixture(params=["beside the sources", "in NUMBA_CACHE_DIR"])
def tiny(request, tmp_path, monkeypatch) -> Iterator[Path]:
    """The folder of the package `tiny`, whose kernels numba keeps in one of the two places."""
    for name, text in SOURCES.items():
        path = tmp_path / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    folder = str(tmp_path / "kernels") if request.param == "in NUMBA_CACHE_DIR" else ""
    monkeypatch.setenv("NUMBA_CACHE_DIR", folder)
    monkeypatch.setattr(numba.config, "CACHE_DIR", folder)
    yield tmp_path / "tiny"
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def cost_and_compilations() -> tuple[int, int]:
    """What the kernel returns to a new process, and how often it is compiled there and not read from disk."""
    forget()
    search = importlib.import_module("tiny.experts.search")
    return search.cost(), sum(search.cost.stats.cache_misses.values())


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file, a second after anything that was written before."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        cached.unlink()  # Python tells edits by whole seconds and sizes
    newest = max(file.stat().st_mtime for file in path.parents[2].rglob("*") if file.is_file())
    os.utime(path, (newest + 1, newest + 1))


@pytest.mark.parametrize(
    "source, old, new, cost",
    [
        ("blocks.py", "1", "2", 12),
        ("engine/rules.py", "10", "20", 21),
    ],
)
def test_a_kernel_is_compiled_anew_after_an_edit_of_any_source_and_else_read_from_disk(tiny, source, old, new, cost):
    assert cost_and_compilations() == (11, 1)
    assert cost_and_compilations() == (11, 0)
    edit(tiny / source, old, new)
    assert cost_and_compilations() == (cost, 1)


def test_without_the_check_numba_keeps_the_old_value(tiny):
    """The test of the test: an edit of another file than the kernel's own is not seen by numba itself."""
    shutil.copy(tiny / "__init__.py", tiny / "engine" / "__init__.py")  # an engine that checks nothing
    assert cost_and_compilations() == (11, 1)
    edit(tiny / "engine" / "rules.py", "10", "20")
    assert cost_and_compilations() == (11, 0)
