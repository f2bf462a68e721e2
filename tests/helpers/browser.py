"""Headless Chromium, driven over its debugging pipe, for tests of pages; it needs no driver and opens no port."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

PROGRAM = shutil.which("chromium")


class Page:
    """A page in a browser: it can be shown in other sizes and colours, and answers JavaScript."""

    def __init__(self, send, receive):
        self.errors = []  # of the console, and exceptions
        self._send, self._receive, self._count, self._session = send, receive, 0, None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url):
        """Load a page, wait until it is complete, and return nothing."""
        self._call("Page.navigate", url=url)
        while self._receive_one().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression):
        """The value of a JavaScript expression, or of the promise that it is."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self._call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def resize(self, width, height=900):
        """Show the page as a device of this width does."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def prefer(self, scheme):
        """Show the page to a reader who prefers `light` or `dark`."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key):
        """Press and release a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self._call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=9 if key == "Tab" else 13
            )

    def _call(self, method, **params):
        self._count += 1
        self._send(
            {"id": self._count, "method": method, "params": params}
            | ({"sessionId": self._session} if self._session else {})
        )
        while (message := self._receive_one()).get("id") != self._count:
            pass
        assert "error" not in message, message["error"]
        return message["result"]

    def _receive_one(self):
        message = self._receive()
        told = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(told["exceptionDetails"]["text"])
        if message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(told["entry"]["text"])
        return message


@contextlib.contextmanager
def page(profile: Path):
    """A page in a browser of its own, which ends with the block."""
    to_read, to_write = os.pipe(), os.pipe()  # the browser reads from descriptor 3 and writes to 4
    shell = f'exec "$0" "$@" 3<&{to_read[0]} 4>&{to_write[1]}'
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        ["bash", "-c", shell, str(PROGRAM), *flags],
        pass_fds=(to_read[0], to_write[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read[0])
    os.close(to_write[1])
    with os.fdopen(to_read[1], "wb", 0) as out, os.fdopen(to_write[0], "rb") as back:
        waiting = bytearray()

        def receive():
            while b"\0" not in waiting:
                block = back.read1(65536)
                assert block, "the browser has ended"
                waiting.extend(block)
            message, _, rest = bytes(waiting).partition(b"\0")
            waiting[:] = rest
            return json.loads(message)

        try:
            yield Page(lambda message: out.write(json.dumps(message).encode() + b"\0"), receive)
        finally:
            process.terminate()
            process.wait()
