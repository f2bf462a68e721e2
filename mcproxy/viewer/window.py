"""A window that shows RGB images and tells which keys were pressed, by OpenCV's HighGUI.

Opening a Qt window where no display answers ends the whole process, so this is found out first.
"""

import ctypes
import os
import sys
from collections.abc import Callable

import numpy as np

from mcproxy.errors import UserError
from mcproxy.viewer.canvas import opencv

_NAMES = {9: "tab", 13: "enter", 27: "escape", 32: "space", 8: "backspace"}
_SPECIAL = ("left", "up", "right", "down", "home", "end", "page up", "page down")
for _codes in (
    (0xFF51, 0xFF52, 0xFF53, 0xFF54, 0xFF50, 0xFF57, 0xFF55, 0xFF56),  # X11 (keysymdef.h)
    (0x250000, 0x260000, 0x270000, 0x280000, 0x240000, 0x230000, 0x210000, 0x220000),  # Windows (winuser.h, VK_*)
    (63234, 63232, 63235, 63233, 63273, 63275, 63276, 63277),  # macOS (NSEvent.h, NS*FunctionKey)
):
    _NAMES.update(zip(_codes, _SPECIAL, strict=True))


def require_display(what_else: str) -> None:
    """Raise a `UserError` unless windows can be opened here; `what_else` says what to do instead."""
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise UserError(f"no display here (DISPLAY is not set), so no window can be opened: {what_else}")
    if not _answers():
        raise UserError(f"the display {display!r} (DISPLAY) does not answer, so no window can be opened: {what_else}")


class Window:
    """One window; `on_mouse(x, y)` is called where the left button is pressed or dragged."""

    def __init__(self, title: str, on_mouse: Callable[[int, int], None] | None = None) -> None:
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false;*.critical=false")  # Qt misses its fonts; we do not
        self._cv2, self.title = opencv(), title
        self._cv2.namedWindow(title, self._cv2.WINDOW_AUTOSIZE | self._cv2.WINDOW_GUI_NORMAL)
        self._on_mouse = on_mouse
        if on_mouse is not None:
            self._cv2.setMouseCallback(title, self._mouse)

    def show(self, image: np.ndarray) -> None:
        """Show an image, (H, W, 3) uint8 RGB, at its own size."""
        self._cv2.imshow(self.title, image[:, :, ::-1])

    def key(self, wait_ms: int) -> str | None:
        """The name of the next key pressed within a time, None if there is none; "quit" once the window is closed."""
        code = self._cv2.waitKeyEx(max(1, wait_ms))
        if self._cv2.getWindowProperty(self.title, self._cv2.WND_PROP_VISIBLE) < 1:
            return "quit"
        return key_name(code)

    def close(self) -> None:
        """Close the window; safe to call if the user has closed it already."""
        self._cv2.destroyAllWindows()
        self._cv2.waitKey(1)

    def _mouse(self, event: int, x: int, y: int, flags: int, _: object) -> None:
        held = event == self._cv2.EVENT_MOUSEMOVE and flags & self._cv2.EVENT_FLAG_LBUTTON
        if self._on_mouse is not None and (event == self._cv2.EVENT_LBUTTONDOWN or held):
            self._on_mouse(x, y)


def key_name(code: int) -> str | None:
    """The name of a key from OpenCV's code: a letter in lower case, "space", "left", "page up"; None for no key."""
    if code < 0:
        return None
    if code in _NAMES:
        return _NAMES[code]
    return chr(code).lower() if 32 < code < 127 else None


def _answers() -> bool:
    """Whether the X server that DISPLAY names accepts a connection, asked of libxcb, as Qt does."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # OpenCV says itself that it is missing
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    failed = xcb.xcb_connection_has_error(connection) != 0
    xcb.xcb_disconnect(connection)
    return not failed
