"""Open strangers' HDF5 files in a process with limits first: a damaged file can make the library crash or never end.

The process reads whatever `mcproxy.recording` would read, and nothing of it is used; it says which file it is at.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mcproxy.errors import UserError

START_S, FILE_S = 60, 15  # of a process, and for each file
_READ = """
import os, sys
import h5py
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
except (ImportError, ValueError, OSError):
    pass
count = 0
def look(name, item):
    global count
    count += 1
    if count > 2_000_000:
        raise SystemExit("too many objects")
    for key in item.attrs:
        if h5py.h5a.open(item.id, key.encode()).get_storage_size() <= 2**16:
            item.attrs[key]
    if isinstance(item, h5py.Dataset):
        plain = item.id.get_create_plist().get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
        if plain and item.nbytes <= 64 * 2**20 and item.id.get_storage_size() == item.nbytes:
            item[()]
for path in sys.argv[2:]:
    print(path, flush=True)
    try:
        with h5py.File(path, "r", locking=False) as file:
            look("", file)
            file.visititems(look)
    except Exception:  # the reader says what is wrong with it
        pass
print("", flush=True)
"""


def check(files: Sequence[Path]) -> None:
    """A `UserError` that names the file of which reading does not end, or ends the process."""
    if not files:
        return
    limit = START_S + FILE_S * len(files)
    command = [sys.executable, "-I", "-c", _READ, str(limit), *map(str, files)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        said, ended = done.stdout, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        said, ended = (error.stdout or b"").decode(errors="replace"), False
    if not ended:
        at = next((line for line in reversed(said.splitlines()) if line), str(files[0]))
        raise UserError(f"{at}: the HDF5 library cannot read it within its limits: it is damaged, or made to do that")
