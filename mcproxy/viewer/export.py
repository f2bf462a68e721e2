"""Write episodes as clips (.webm) and pictures (.png), without a display, each file whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mcproxy.errors import UserError
from mcproxy.viewer.canvas import opencv
from mcproxy.viewer.panel import TICKS_PER_S, panel
from mcproxy.viewer.playback import Playback, clip, layout_of

Progress = Callable[[int, int], None]  # pictures done, of how many


def export(
    playbacks: Sequence[Playback],
    path: Path,
    size: int = 448,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write a clip (.webm: VP8, 20 pictures a second) or a summary picture (.png) of one episode or two.

    An existing file is replaced only with `force`, and only once the new one is complete. `progress(done, total)` is
    called as the pictures of a clip are written.
    """
    check_export(path, force)
    if path.suffix == ".webm":
        write_clip(clip(playbacks, size), path, progress)
    else:
        last_tick = max(playback.last_tick for playback in playbacks)
        write_picture(panel([playback.summary(last_tick) for playback in playbacks], layout_of(playbacks, size)), path)


def check_export(path: Path, force: bool = False) -> None:
    """Raise a `UserError` if `export` would refuse this path."""
    if path.suffix not in (".webm", ".png"):
        raise UserError(f"--export {path}: expected a name that ends in .webm (a clip) or .png (a picture)")
    if path.is_dir() or (path.exists() and not force):
        raise UserError(f"{path} exists already: give another name, or --force to replace it")
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist")


def write_picture(image: np.ndarray, path: Path) -> None:
    """Write an image as PNG, all of it or nothing."""
    encoded = opencv().imencode(".png", image[:, :, ::-1])[1]
    with _replaced(path) as partial:
        partial.write_bytes(encoded.tobytes())


def write_clip(
    pictures: Sequence[Callable[[], np.ndarray]],
    path: Path,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write pictures, all of one even size, as a VP8 video of 20 a second, all of it or nothing."""
    cv2 = opencv()
    height, width = pictures[0]().shape[:2]
    with _replaced(path) as partial:
        partial.touch()  # says what is wrong with the folder, which the video writer does not
        with _silenced():
            video = cv2.VideoWriter(str(partial), cv2.VideoWriter_fourcc(*"VP80"), TICKS_PER_S, (width, height))
        if not video.isOpened():
            raise UserError(f"{path}: this OpenCV ({cv2.__version__}) cannot write VP8 video; export a .png instead")
        for done, picture in enumerate(pictures):
            progress(done, len(pictures))
            video.write(picture()[:, :, ::-1])
        video.release()
        if int(cv2.VideoCapture(str(partial)).get(cv2.CAP_PROP_FRAME_COUNT)) < len(pictures):
            raise UserError(f"{path}: the video was cut short; is the disk full?")
    progress(len(pictures), len(pictures))


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A file to write in place of another: it takes its name at the end, and is removed if anything goes wrong."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep FFmpeg's line about the tag of VP8, which it prints at every start and which means nothing, off stderr."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
