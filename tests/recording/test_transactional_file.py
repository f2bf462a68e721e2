"""Every flush is a commit: whatever ends a process, and after whichever of its writes, the last commit can be read."""

import errno
import os

import h5py
import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.recording import Recording, hdf5_writer, transactional_file
from mcproxy.recording.transactional_file import TransactionalFile
from tests.helpers.recorded import episodes


class Tape:
    """Stands in for `os`, and keeps the bytes of the file as they were after every write and change of length."""

    def __init__(self):
        self.states, self.now = [], bytearray()

    def __getattr__(self, name):
        return getattr(os, name)

    def pwrite(self, file, data, offset):
        self.now.extend(bytes(max(0, offset + len(data) - len(self.now))))
        self.now[offset : offset + len(data)] = data
        self.states.append(bytes(self.now))
        return os.pwrite(file, data, offset)

    def ftruncate(self, file, size):
        self.now = self.now[:size].ljust(size, b"\0")
        self.states.append(bytes(self.now))
        os.ftruncate(file, size)


def test_a_recording_can_be_read_after_any_number_of_its_writes(tmp_path, monkeypatch):
    tape = Tape()
    monkeypatch.setattr(transactional_file, "os", tape)
    monkeypatch.setattr(hdf5_writer, "GROUPS_AHEAD", 16)
    complete = []  # the number of states after which each episode must be there
    path = tmp_path / "main_data.hdf5"
    file = hdf5_writer.EpisodeFile(path, "mcproxy/Beacon/x-v0")
    for episode in episodes():
        file.append(episode, [])
        complete.append(len(tape.states))
    file.close()
    monkeypatch.undo()
    assert len(tape.states) > 100 and len(complete) == 6
    for number, state in enumerate(tape.states[complete[0] :], start=complete[0]):
        path.write_bytes(state)
        with Recording(path) as recording:
            assert len(recording) >= sum(number >= enough for enough in complete)
            if number % 10 == 0:
                assert recording[len(recording) - 1].digests() == episodes()[len(recording) - 1].digests()


def test_hdf5_reads_back_what_still_waits(tmp_path):
    with h5py.File(TransactionalFile(tmp_path / "file"), "w") as file:
        file["a"] = np.arange(100)
        file.flush()
        file["a"][10:20] = 0
        file["b"] = np.arange(5)
        np.testing.assert_array_equal(file["a"][5:25], [*range(5, 10), *[0] * 10, *range(20, 25)])


def test_after_a_failed_write_the_file_is_as_it_was_at_the_last_flush(tmp_path, monkeypatch):
    path = tmp_path / "file"
    storage = TransactionalFile(path)
    file = h5py.File(storage, "w")
    file["a"] = np.arange(100)
    file.flush()
    storage.check()
    before = path.read_bytes()

    def pwrite(file, data, offset):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", pwrite)
    file["a"][:] = 0
    file["b"] = np.arange(100_000)
    file.flush()
    monkeypatch.undo()  # room again, but too late: what was lost is lost
    file["c"] = np.arange(100_000)
    file.close()
    storage.close()
    with pytest.raises(OSError, match="No space"):
        storage.check()
    assert path.read_bytes() == before
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["a"], np.arange(100))
        assert list(file) == ["a"]


@pytest.mark.parametrize("seed", range(5))
def test_it_holds_what_a_plain_file_would_after_random_operations(tmp_path, seed):
    rng = np.random.default_rng(seed)
    ours = TransactionalFile(tmp_path / "ours")
    with open(tmp_path / "theirs", "w+b") as theirs:
        for _ in range(300):
            action, offset, size = rng.integers(12), int(rng.integers(2000)), int(rng.integers(1, 300))
            ours.seek(offset)
            theirs.seek(offset)
            if action < 8:
                data = rng.bytes(size)
                assert ours.write(memoryview(data)) == theirs.write(data)
                assert ours.tell() == theirs.tell() - size
            elif action < 10:
                assert ours.read(size) == theirs.read(size).ljust(size, b"\0")
            elif action == 10:
                assert ours.truncate(offset) == theirs.truncate(offset)
            else:
                ours.flush()
            assert ours.seek(0, os.SEEK_END) == theirs.seek(0, os.SEEK_END)
    ours.close()
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_an_existing_file_is_left_alone(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        TransactionalFile(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"x"
    with pytest.raises(UserError, match="not a recording"):
        Recording(tmp_path / "file")
