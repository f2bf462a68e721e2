import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "mcproxy" / "agent" / "shipped"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """The names of the files in a wheel, built from a copy of the sources so that no earlier build is in the way."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("mcproxy", "tasks", "eval", "scripts"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", folder, source], check=True, timeout=300)
    (file,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(file).namelist())


@pytest.mark.cli
def test_the_wheel_takes_no_top_level_name_but_its_own(wheel):
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mcproxy"}


@pytest.mark.cli
@pytest.mark.parametrize("folder", ["mcproxy", "tasks", "eval", "scripts"])
def test_the_wheel_has_every_module(wheel, folder):
    for file in (ROOT / folder).rglob("*.py"):
        name = file.relative_to(ROOT).as_posix()
        assert (name if folder == "mcproxy" else f"mcproxy/{name}") in wheel


@pytest.mark.cli
def test_the_wheel_has_the_shipped_agents(wheel):
    files = {file.relative_to(ROOT).as_posix() for file in SHIPPED.rglob("*") if file.is_file()}
    assert files and files <= wheel


@pytest.mark.cli
def test_importing_mcproxy_loads_nothing_heavy():
    code = "import sys, mcproxy; print([m for m in ('torch', 'numba', 'cv2', 'h5py', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"


def test_versions_agree():
    import mcproxy

    assert f"\nversion: {mcproxy.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {mcproxy.__version__}" in (ROOT / "CHANGELOG.md").read_text()
