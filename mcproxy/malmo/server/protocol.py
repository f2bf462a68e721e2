"""The framing of Malmo's protocol: messages of a four-byte length, big-endian, and so many bytes.

A message is read in pieces as it arrives, so that a length alone allocates nothing.
"""

import socket
import struct

from mcproxy.errors import UserError

VERSION = "0.37.0"
HELLO = f"<MalmoEnv{VERSION}"
MAX_MESSAGE = 4 * 2**20  # bytes
MAX_HELLO, MAX_TOKEN = 64, 1024
STALLED_S = 30.0  # within a message, or while an answer waits to be taken
_PIECE = 2**16


class Fault(UserError):
    """A peer that broke the protocol, or went away in the middle of it."""


def receive(
    connection: socket.socket, most: int = MAX_MESSAGE, doing: str = "a message", patience_s: float | None = None
) -> bytes | None:
    """The next message of at most `most` bytes; None if the peer has closed the connection before it.

    It may take its time to begin, as agents think; or `patience_s` seconds.
    """
    connection.settimeout(patience_s)
    try:
        first = connection.recv(4)
    except TimeoutError:
        raise Fault(f"sent nothing for {patience_s:g} s, instead of {doing}") from None
    if not first:
        return None
    connection.settimeout(STALLED_S)
    header = first + (_read(connection, 4 - len(first), doing) if len(first) < 4 else b"")
    (length,) = struct.unpack("!I", header)
    if not 0 < length <= most:
        raise Fault(f"sent a length of {length} bytes for {doing}: expected 1 to {most}")
    return _read(connection, length, doing)


def frame(*messages: bytes) -> bytes:
    """The messages, each behind its length."""
    return b"".join(part for message in messages for part in (struct.pack("!I", len(message)), message))


def number(value: int) -> bytes:
    """A message that is a number."""
    return frame(struct.pack("!I", value))


def _read(connection: socket.socket, length: int, doing: str) -> bytes:
    data = bytearray()
    while len(data) < length:
        try:
            piece = connection.recv(min(length - len(data), _PIECE))
        except TimeoutError:
            raise Fault(f"stopped for {STALLED_S:g} s within {doing}") from None
        if not piece:
            raise Fault(f"left within {doing}, after {len(data)} of {length} bytes")
        data += piece
    return bytes(data)
