"""Record episodes as HDF5 files, read recordings (also from strangers), and execute them again.

from mcproxy.recording import Recorder, Recording, rerender
"""

from mcproxy.recording.reader import Recording, find
from mcproxy.recording.recorder import Recorder
from mcproxy.recording.reexecute import reexecute, rerender

__all__ = ["Recorder", "Recording", "find", "reexecute", "rerender"]
