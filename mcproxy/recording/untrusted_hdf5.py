"""Read HDF5 files of strangers: what is not exactly as `record.py` writes it is a `CorruptFile`.

Whatever decides how much memory a read takes is compared with limits and with what the file really holds before it is
read. Links that lead elsewhere, references, virtual and external storage are refused, and so is every filter: no code
of a filter runs on a stranger's bytes but zlib's, and that here, never beyond the size that must come out.
"""

import zlib
from typing import Any

import h5py
import numpy as np

MAX_ARRAY_BYTES = 64 * 2**20
MAX_TEXT = 10_000  # characters of an attribute


class CorruptFile(Exception):
    """Something in a file is not as `record.py` writes it; the message goes on after "episode k"."""


def chunk(pov: h5py.Dataset, start: int) -> bytes:
    """The compressed chunk that begins with frame `start`."""
    place = (start, 0, 0, 0)
    size = pov.id.get_chunk_info_by_coord(place).size
    if not 0 < size <= 2 * int(np.prod(pov.chunks)) + 1024:
        raise CorruptFile(f"has {size} bytes for the frames from {start} on")
    mask, data = pov.id.read_direct_chunk(place)
    if mask != 0:
        raise CorruptFile("has frames that are not compressed")
    return bytes(data)


def unpack(data: bytes, size: int) -> bytes:
    """A compressed chunk's `size` bytes; more or fewer are damage, found before they are in memory."""
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(data, size)
    if len(raw) != size or unpacker.decompress(unpacker.unconsumed_tail, 1) or not unpacker.eof:
        raise CorruptFile("has frames that do not unpack to their size")
    return raw


def member(group: h5py.Group, name: str, kind: type) -> Any:
    """What lies in a group under a name, by a plain link, and of this kind."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise CorruptFile(f"has no {name!r} of its own")
    found = group[name]
    if not isinstance(found, kind):
        raise CorruptFile(f"has in {name!r} a {type(found).__name__}, expected a {kind.__name__}")
    return found


def array(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any, links: int = 1) -> np.ndarray:
    """A stored array of this shape and dtype, which lies in the file as it is: unpacked and in one piece.

    At most `links` names in the file may lead to it, so that a file's arrays take no more memory than the file.
    """
    data = member(group, name, h5py.Dataset)
    if h5py.h5o.get_info(data.id).rc > links:
        raise CorruptFile(f"has {name} under more names than mcproxy gives it")
    if data.shape != shape or data.dtype != np.dtype(dtype):
        raise CorruptFile(f"has {name} of shape {data.shape} {data.dtype}, expected {shape} {np.dtype(dtype)}")
    plan = data.id.get_create_plist()
    if plan.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) or plan.get_external_count():
        raise CorruptFile(f"has {name} in another kind of storage than mcproxy writes")
    if data.nbytes > MAX_ARRAY_BYTES or data.id.get_storage_size() != data.nbytes:
        raise CorruptFile(f"has {name} of {data.nbytes} bytes, of which {data.id.get_storage_size()} are stored")
    return data[()]


def number(group: h5py.Group, name: str, dtype: type, shape: tuple[int, ...] = ()) -> Any:
    """An attribute that is a number, or an array of them, as Python's own."""
    attribute = _attribute(group, name)
    if attribute.shape != shape or attribute.dtype != np.dtype(dtype):
        raise CorruptFile(f"has the attribute {name!r} of type {attribute.dtype} {attribute.shape}")
    return group.attrs[name].tolist()


def text(group: h5py.Group, name: str) -> str:
    """An attribute that is a string which may be shown."""
    attribute = _attribute(group, name)
    info = h5py.check_string_dtype(attribute.dtype)
    if attribute.shape != () or info is None or info.length is not None:
        raise CorruptFile(f"has the attribute {name!r} of type {attribute.dtype}, expected a string")
    return printable(str(group.attrs[name]))


def printable(text: str) -> str:
    """The text itself; one that may not be shown (control characters, endless) is a `CorruptFile`."""
    if len(text) > MAX_TEXT or not text.isprintable():
        raise CorruptFile(f"has the text {text[:40]!r}")
    return text


def _attribute(group: h5py.Group, name: str) -> h5py.h5a.AttrID:
    try:
        return h5py.h5a.open(group.id, name.encode())
    except KeyError:
        raise CorruptFile(f"has no attribute {name!r}") from None
