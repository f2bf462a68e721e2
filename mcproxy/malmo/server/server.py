"""A Malmo server over the embedded engine: what a MineRL 0.4.4 client takes for a Minecraft, without Java.

    with MalmoServer(port=9000, log=print) as server:
        server.serve()

Every connection has a world of its own, which goes when the connection goes; a client connects anew for each episode.
So clients never wait for each other, and nothing is left of one that vanishes. Whatever a client does wrong costs it
the connection, one line of the log, and nothing else.
"""

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

from mcproxy.engine.view import FOV_DEG
from mcproxy.errors import UserError
from mcproxy.malmo.server import protocol
from mcproxy.malmo.server.protocol import Fault, frame, number, receive
from mcproxy.malmo.server.session import Session, Step
from mcproxy.malmo.xml.reader import read_mission

MAX_CLIENTS = 64
_SHOWN, _LONGEST = 100, 400  # characters of a command, and of a line, in the log
_STEP = struct.Struct("!dbb")  # reward, done, sent
_ANSWERED = (b"<Init", b"<Interact", b"<Close")  # by 1, and nothing happens


class MalmoServer:
    """Listens on `instances` ports from `port` on (0: free ones); `log` gets one line for each fault.

    `fov_deg` is the vertical field of view, `realtime` keeps missions at 20 ticks a second. A port that cannot be had
    is a `UserError`.
    """

    def __init__(
        self,
        port: int = 9000,
        host: str = "127.0.0.1",
        instances: int = 1,
        fov_deg: float = FOV_DEG,
        realtime: bool = False,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._log, self._fov_deg, self._realtime = log, fov_deg, realtime
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._lock, self._closed = threading.Lock(), False
        self._listeners: list[socket.socket] = []
        try:
            for k in range(instances):
                self._listeners.append(_listen(host, port + k if port else 0))
        except UserError:
            self.close()
            raise
        self.ports = [listener.getsockname()[1] for listener in self._listeners]
        self._threads = [threading.Thread(target=self._accept, args=(own,), daemon=True) for own in self._listeners]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "MalmoServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def serve(self) -> None:
        """Wait until the server is closed, or Ctrl-C."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Stop listening and let all clients go; safe to call twice."""
        self._closed = True
        with self._lock:
            connections, threads = [*self._listeners, *self._clients], [*self._clients.values()]
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            if connection in self._listeners:
                connection.close()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5.0)

    def _accept(self, listener: socket.socket) -> None:
        while not self._closed:
            try:
                connection, address = listener.accept()
            except OSError as error:
                if not self._closed:
                    self._log(f"cannot take a connection: {error.strerror}")
                    time.sleep(0.1)  # there may be no file left to open until some client goes
                continue
            peer = f"{address[0]}:{address[1]}"
            with self._lock:
                if len(self._clients) >= MAX_CLIENTS or self._closed:
                    self._log(f"{peer} refused: {MAX_CLIENTS} clients are connected")
                    connection.close()
                    continue
                thread = threading.Thread(target=self._attend, args=(connection, peer), daemon=True)
                self._clients[connection] = thread
            try:
                thread.start()
            except RuntimeError as error:  # the system has no thread left
                self._log(f"{peer} refused: {error}")
                self._forget(connection)

    def _attend(self, connection: socket.socket, peer: str) -> None:
        """Serve one client to its end, whatever that is."""
        client = _Client(connection, self._fov_deg, self._realtime, lambda line: self._log(f"{peer} {line}"))
        try:
            client.run()
        except Fault as fault:
            self._tell(f"{peer} {fault}")
        except UserError as error:
            self._tell(f"{peer} asked for a mission that cannot be run: {error}")
        except OSError as error:
            self._tell(f"{peer} is gone: {error.strerror or error}")
        except Exception as error:
            self._tell(f"{peer} met a mistake in mcproxy: {type(error).__name__}: {error}")
        finally:
            client.close()
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        connection.close()
        with self._lock:
            del self._clients[connection]

    def _tell(self, line: str) -> None:
        if not self._closed:
            self._log(" ".join(line.split())[:_LONGEST])


class _Client:
    """The conversation with one client."""

    def __init__(self, connection: socket.socket, fov_deg: float, realtime: bool, log: Callable[[str], None]) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connection, self._fov_deg, self._realtime, self._log = connection, fov_deg, realtime, log
        self._session: Session | None = None

    def run(self) -> None:
        """Answer until the client leaves."""
        hello = receive(self._connection, protocol.MAX_HELLO, "the greeting", protocol.STALLED_S)
        if hello is None:
            return
        if not hello.startswith(protocol.HELLO.encode()):
            raise Fault(f"greeted with {hello[:20]!r}: expected {protocol.HELLO}, which MineRL 0.4 sends")
        while True:
            message = receive(self._connection)
            if message is None:
                raise Fault("left without <Disconnect/>")
            if message.startswith(b"<StepClient"):
                self._step(message)
            elif message.startswith(b"<StepServer"):
                pass  # the world's tick has run with the client's
            elif message.startswith(b"<Disconnect"):
                return
            elif message.startswith(b"<Exit"):  # the server goes on: this client is not its master
                self._send(number(1))
                return
            else:
                self._rarely(message)

    def close(self) -> None:
        """Let the client's world go."""
        if self._session is not None:
            self._session.close()

    def _step(self, message: bytes) -> None:
        session = self._running("<StepClient>")
        begin, end = message.find(b">") + 1, message.rfind(b"</StepClient")
        if end < begin:
            raise Fault(f"sent a step without an end: {message[:40]!r}")
        step = session.step(message[begin:end].decode("utf-8", "replace"))
        if step.faults:
            self._complain(step)
        self._send(frame(step.frame, _STEP.pack(step.reward, step.done, 1), step.info))

    def _rarely(self, message: bytes) -> None:
        """Answer what comes once an episode, or never from a MineRL client."""
        if message.startswith(b"<MissionInit"):
            self._begin(message)
        elif message.startswith(b"<Peek"):
            step = self._running("<Peek>").peek()
            self._send(frame(step.frame, step.info, bytes([step.done])))
        elif message.startswith(b"<Quit"):
            self._send(number(int(self._session is None or self._session.done)))
            self.close()
            self._session = None
        elif message.startswith(b"<Find"):
            self._send(number(0))  # no Minecraft that other clients could join
        elif message.startswith(_ANSWERED):
            self._send(number(1))
        elif message.startswith((b"<Echo", b"<Status")):
            self._send(frame(b"<Echo>" + message + b"</Echo>" if message.startswith(b"<Echo") else b"{}"))
        else:
            raise Fault(f"sent {message[:20]!r}, which is no command of the protocol")

    def _begin(self, document: bytes) -> None:
        token = receive(self._connection, protocol.MAX_TOKEN, "the token of a mission", protocol.STALLED_S)
        if token is None:
            raise Fault("left between a mission and its token")
        _, role, *rest = [*token.decode("utf-8", "replace").split(":"), "", "", "", ""]
        if role != "0" or rest[1] != "1":
            raise Fault(f"wants role {role[:20]!r} of {rest[1][:20]!r} agents: the engine runs one")
        assignment = read_mission(document)
        self.close()
        self._session = None
        self._session = Session(assignment, self._fov_deg, self._realtime)
        self._send(number(1))

    def _running(self, what: str) -> Session:
        if self._session is None:
            raise Fault(f"sent {what} before any mission")
        return self._session

    def _send(self, data: bytes) -> None:
        self._connection.settimeout(protocol.STALLED_S)
        self._connection.sendall(data)

    def _complain(self, step: Step) -> None:
        more = f" and {len(step.faults) - 1} more" if len(step.faults) > 1 else ""
        self._log(f"sent the command {step.faults[0][:_SHOWN]!r}{more}, which the engine cannot follow")


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"cannot listen on {host}:{port}: {reason}; choose another one with --port and --host"
        ) from None
    return listener
