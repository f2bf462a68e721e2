"""A bare client of Malmo's protocol, and missions to send: what the server's tests speak with."""

import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from mcproxy.malmo.server.server import MalmoServer

NS = "http://ProjectMalmo.microsoft.com"
FLAT = f"""
<Mission xmlns="{NS}">
  <About><Summary>gold to the south</Summary></About>
  <ServerSection>
    <ServerInitialConditions><AllowSpawning>false</AllowSpawning></ServerInitialConditions>
    <ServerHandlers>
      <FlatWorldGenerator generatorString="1;7,2x3,2;1"/>
      <DrawingDecorator>
        <DrawCuboid x1="-2" y1="4" z1="6" x2="2" y2="6" z2="6" type="stone"/>
        <DrawBlock x="0" y="4" z="3" type="gold_block"/>
      </DrawingDecorator>
      <ServerQuitFromTimeUp timeLimitMs="3000" description="out_of_time"/>
    </ServerHandlers>
  </ServerSection>
  <AgentSection mode="Survival">
    <Name>MineRLAgent0</Name>
    <AgentStart><Placement x="0.5" y="4" z="0.5" yaw="0" pitch="0"/></AgentStart>
    <AgentHandlers>
      <ObservationFromFullStats/>
      <VideoProducer want_depth="false"><Width>32</Width><Height>16</Height></VideoProducer>
      <HumanLevelCommands/><CameraCommands/>
      <RewardForTouchingBlockType>
        <Block type="gold_block" reward="5" behaviour="onceOnly"/>
      </RewardForTouchingBlockType>
      <AgentQuitFromTouchingBlockType><Block type="gold_block"/></AgentQuitFromTouchingBlockType>
    </AgentHandlers>
  </AgentSection>
</Mission>"""


def init_of(mission: str) -> bytes:
    """The MissionInit that a MineRL client makes of a mission."""
    inner = mission[mission.index("<Mission ") :] if "<?xml" in mission else mission
    return (
        f'<MissionInit xmlns="{NS}" SchemaVersion="" PlatformVersion="0.37.0">{inner}'
        "<ExperimentUID>e</ExperimentUID><ClientRole>0</ClientRole></MissionInit>"
    ).encode()


class Client:
    """One connection to a server."""

    def __init__(self, port: int, hello: bytes | None = b"<MalmoEnv0.37.0/>") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hello is not None:
            self.send(hello)

    def send(self, message: bytes) -> None:
        self.socket.sendall(struct.pack("!I", len(message)) + message)

    def receive(self) -> bytes:
        (length,) = struct.unpack("!I", self._exactly(4))
        return self._exactly(length)

    def begin(self, mission: str = FLAT) -> int:
        """Send a mission and its token: 1 for accepted."""
        self.send(init_of(mission))
        self.send(b"e:0:0:1:true")
        return struct.unpack("!I", self.receive())[0]

    def peek(self) -> tuple[bytes, dict[str, Any], bool]:
        self.send(b"<Peek/>")
        frame, info, done = self.receive(), self.receive(), self.receive()
        return frame, json.loads(info), done == b"\x01"

    def step(self, *commands: str) -> tuple[bytes, float, bool, dict[str, Any]]:
        self.send(b"<StepClient0>" + "\n".join(commands).encode() + b"</StepClient0 >")
        frame, reply, info = self.receive(), self.receive(), self.receive()
        self.send(b"<StepServer></StepServer>")
        reward, done, sent = struct.unpack("!dbb", reply)
        assert sent == 1
        return frame, reward, bool(done), json.loads(info)

    def is_closed(self) -> bool:
        """Whether the server has closed the connection; waits for it."""
        with contextlib.suppress(ConnectionError):
            return self.socket.recv(1) == b""
        return True

    def leave(self) -> None:
        """Go as a MineRL client goes."""
        with contextlib.suppress(OSError):
            self.send(b"<Disconnect/>")
        self.close()

    def close(self) -> None:
        """Go without a word."""
        self.socket.close()

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise ConnectionError("the server has closed the connection")
            data += piece
        return bytes(data)


@contextlib.contextmanager
def serving(**kwargs: Any) -> Iterator[tuple[MalmoServer, list[str]]]:
    """A server on a free port, and its log."""
    log: list[str] = []
    with MalmoServer(port=0, log=log.append, **kwargs) as server:
        yield server, log


def image(frame: bytes, height: int, width: int) -> np.ndarray:
    """A frame as MineRL shapes it: (H, W, 3) uint8, row 0 on top."""
    return np.frombuffer(frame, dtype=np.uint8).reshape(height, width, 3)[::-1]
