"""The shim and the game, built once from our sources and tables into the cache folder."""

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from mcproxy.blocks import BLOCKS, CUBE
from mcproxy.engine.rendering import textures
from mcproxy.errors import UserError

PROGRAMS = {"minetest": "minetest", "Xvfb": "xvfb", "cc": "gcc"}  # each program, and Debian's package that has it
GAME = "mcproxy"
_SOURCES = Path(__file__).parent
_FOLDERS = f"/usr/games{os.pathsep}/usr/local/games"  # where Debian installs games, which PATH often lacks


def is_installed() -> bool:
    """Return whether every program that this backend needs is there."""
    return not _missing()


def _missing() -> list[str]:
    return [name for name in PROGRAMS if _find(name) is None]


def _find(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), _FOLDERS)))


def program(name: str) -> str:
    """Return the path of a program that this backend needs; a `UserError` names all that are missing."""
    missing = _missing()
    if missing:
        raise UserError(
            f"--backend luanti needs {', '.join(missing)}: in the checkout, scripts/setup.sh luanti, "
            f"or apt-get install --no-install-recommends {' '.join(PROGRAMS[known] for known in missing)}"
        )
    found = _find(name)
    assert found is not None
    return found


@functools.cache
def version() -> str:
    """The engine and its version, as `minetest --version` gives them: `Minetest 5.6.1`."""
    told = subprocess.run([program("minetest"), "--version"], capture_output=True, text=True)
    return " ".join(told.stdout.split()[:2]).partition("-")[0].partition(" (")[0] or "unknown"


@functools.cache
def folder() -> Path:
    """The folder that holds `shim.so`, `game/` and `probe/`, made if it is not there.

    Its name is a hash of everything that it is made from, so another version of mcproxy makes another folder. It is
    renamed into place when it is whole, so two processes can make it at a time.
    """
    made = _cache() / f"luanti-{_digest()}"
    if made.is_dir():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent, prefix="luanti-") as temporary:
        new = Path(temporary, "new")
        shutil.copytree(_SOURCES / "game", new / "game")
        shutil.copytree(_SOURCES / "probe", new / "probe")
        _draw(new / "game" / "mods" / GAME)
        command = [
            program("cc"),
            "-shared",
            "-fPIC",
            "-O2",
            "-o",
            str(new / "shim.so"),
            str(_SOURCES / "shim.c"),
            "-ldl",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"the shim for Luanti does not compile: {last}")
        try:
            new.rename(made)
        except OSError:  # another process was first
            if not made.is_dir():
                raise
    return made


def _draw(mod: Path) -> None:
    """Write the table of blocks as Lua, and the top, side and bottom of each block as PNG, unshaded: Luanti shades."""
    (mod / "textures").mkdir()
    lines = ["return {"]
    for number, block in enumerate(BLOCKS):
        if block.name == "air":
            continue
        for face, art in zip(("top", "side", "bottom"), textures.paint(block.name), strict=True):
            _write_png(mod / "textures" / f"mcproxy_{block.name}_{face}.png", art)
        cube, solid = (str(flag).lower() for flag in (block.box == CUBE, block.solid))
        box = ", ".join(f"{edge:g}" for edge in block.box)
        known = f'name = "{block.name}", light = {block.light}, cube = {cube}, solid = {solid}, box = {{{box}}}'
        lines.append(f"\t[{number}] = {{{known}}},")
    (mod / "blocks.lua").write_text("\n".join([*lines, "}", ""]))
    _write_png(mod / "textures" / "mcproxy_beam.png", textures.paint("beam")[1])


def _write_png(path: Path, art: np.ndarray) -> None:
    import cv2

    image = np.rint(np.clip(art[..., 2::-1], 0, 255)).astype(np.uint8)  # RGB with glow -> BGR
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path} cannot be written")


def _cache() -> Path:
    """The user's cache folder, or a temporary one where there is no home that can be written."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "mcproxy"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        root = Path(tempfile.gettempdir(), f"mcproxy-{os.getuid()}")
    return root


def _digest() -> str:
    """A hash of the sources, the tables, the art and the machine's kind."""
    digest = hashlib.sha256(platform.machine().encode())
    files = [*_SOURCES.rglob("*.lua"), *_SOURCES.rglob("*.conf"), _SOURCES / "shim.c", Path(__file__)]
    for file in sorted(files):
        digest.update(file.read_bytes())
    digest.update(repr(BLOCKS).encode())
    for block in BLOCKS[1:]:
        for art in textures.paint(block.name):
            digest.update(art.tobytes())
    return digest.hexdigest()[:16]
