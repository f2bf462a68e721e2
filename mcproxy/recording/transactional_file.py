"""A file that HDF5 writes through, in which every flush is a commit.

HDF5 alone writes a file's table of contents before what it points to, and its length last: a process that is killed, or
a disk that is full, in the midst of that leaves a file that cannot be read. Here what lies beyond the last commit is
written at once, as nothing points there yet, and whatever changes before it waits in memory for the flush.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class TransactionalFile:
    """A new file in the form in which h5py takes one: `h5py.File(TransactionalFile(path), "w")`.

    If the process dies, the file is as it was at the last `flush`. So it is if something cannot be written: that must
    not be raised here, in the midst of HDF5, which goes on as if all were well; `check` raises it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self._at = self._size = self._committed = 0  # bytes
        self._waiting: dict[int, bytearray] = {}  # by offset, all below `_committed`, none touching another
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise what went wrong in writing: since then everything written is ignored."""
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset from the beginning, or with `os.SEEK_END` from the end."""
        self._at = offset if whence == os.SEEK_SET else self._size + offset
        return self._at

    def tell(self) -> int:
        """The offset at which the next read or write begins."""
        return self._at

    def write(self, data: Any) -> int:
        """Write bytes: at once beyond what is committed, otherwise with the next `flush`."""
        early = max(0, min(len(data), self._committed - self._at))  # bytes
        if early:
            self._wait(self._at, bytes(data[:early]))
        if early < len(data):
            self._change(self._put, self._at + early, data[early:])
        self._size = max(self._size, self._at + len(data))
        return len(data)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what was written, be it waiting; with zeros where nothing was."""
        start, end = self._at, self._at + len(buffer)
        found = bytearray(os.pread(self._file, len(buffer), start).ljust(len(buffer), b"\0"))
        for offset, data in self._waiting.items():
            low, high = max(start, offset), min(end, offset + len(data))
            if low < high:
                found[low - start : high - start] = data[low - offset : high - offset]
        buffer[:] = found
        return len(buffer)

    def read(self, size: int) -> bytes:
        """Return bytes that were written."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int) -> int:
        """Set the length; what is committed is cut off with the next `flush`."""
        self._size = size
        self._change(os.ftruncate, self._file, max(size, self._committed))
        if size < self._committed:
            self._wait(size, bytes(self._committed - size))
        return size

    def flush(self) -> None:
        """Commit: in one go write all that waits, the length first, then the table of contents from its end."""
        self._change(self._commit)

    def close(self) -> None:
        """Commit and close the file."""
        self.flush()
        os.close(self._file)

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, {}
        before, self._committed = self._committed, self._size
        for offset in sorted(waiting, key=lambda offset: (offset > 0, -offset)):
            self._put(offset, waiting[offset][: max(0, self._size - offset)])
        if self._size < before:
            os.ftruncate(self._file, self._size)

    def _change(self, change: Callable[..., None], *args: Any) -> None:
        """Change the file, unless a change has failed before."""
        if self._error is None:
            try:
                change(*args)
            except OSError as error:
                self._error = error
                os.ftruncate(self._file, self._committed)

    def _put(self, offset: int, data: Any) -> None:
        view = memoryview(data).cast("B")
        while len(view):
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def _wait(self, start: int, data: bytes) -> None:
        """Keep bytes for the next commit, joined with those that they touch."""
        end = start + len(data)
        touched = {o: d for o, d in self._waiting.items() if o <= end and start <= o + len(d)}
        low = min([start, *touched])
        joined = bytearray(max([end, *(o + len(d) for o, d in touched.items())]) - low)
        for offset, known in touched.items():
            joined[offset - low : offset - low + len(known)] = self._waiting.pop(offset)
        joined[start - low : end - low] = data
        self._waiting[low] = joined
