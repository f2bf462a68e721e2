"""Files of strangers: what is not as mcproxy writes it is refused in one line, before it fills memory or leads away."""

import contextlib
import json
import shutil
import zlib
from typing import Any

import h5py
import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.recording import Recording, find, format
from tests.helpers.recorded import episodes, write

STEPS = len(episodes()[0])  # its frames are in one chunk


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two recorded episodes: the file."""
    return write(tmp_path_factory.mktemp("recordings"), episodes()[:2])


@pytest.fixture
def edit(written, tmp_path):
    """A copy of the recording, to be changed: `with edit() as (file, group of episode 0)`; its path is `edit.path`."""

    path = tmp_path / "main_data.hdf5"
    shutil.copy(written, path)

    @contextlib.contextmanager
    def opened():
        with h5py.File(path, "r+") as file:
            yield file, file["episode_0"]

    edit: Any = opened
    edit.path = path
    return edit


def refusal(path, read=lambda recording: recording[0]):
    """The one line with which a recording is refused."""
    with pytest.raises(UserError) as refused, Recording(path) as recording:
        read(recording)
    assert "\n" not in str(refused.value) and str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF", b"x" * 10_000])
def test_a_file_that_is_no_hdf5_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert "is not a recording: expected an HDF5 file that mcproxy wrote" in refusal(tmp_path / "file")


@pytest.mark.parametrize("length", [8, 100, 5_000, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused(written, tmp_path, length):
    content = written.read_bytes()
    (tmp_path / "file").write_bytes(content[: int(length * len(content)) if length < 1 else length])
    assert "is damaged or cut short" in refusal(tmp_path / "file")


def test_hdf5_of_another_kind_and_of_a_later_schema_is_refused(edit, tmp_path):
    with h5py.File(tmp_path / "other", "w") as file:
        file["data"] = [1, 2, 3]
    assert "is an HDF5 file, but not a recording of mcproxy" in refusal(tmp_path / "other")
    with edit() as (file, _):
        file.attrs["schema"] = 2
    assert "has schema 2, this mcproxy reads 1: upgrade mcproxy" in refusal(edit.path)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("task", "becon", "unknown task 'becon'; did you mean 'beacon'?"),
        ("arm", "seperated", "unknown arm of task 'beacon' 'seperated'; did you mean 'separated'?"),
        ("version", 99, "beacon of version 99 is not installed, version 2 is"),
        ("seed", -1, "seed=-1: expected 0 or more"),
        ("rho", 2.0, "expected a probability"),
        ("rho", "much", "attribute 'rho' of type object"),
        ("rho", np.zeros(1000), "attribute 'rho' of type float64 (1000,)"),
        ("policy", "\x1b[2J", "has the text '\\x1b[2J'"),
        ("policy", "x" * 100_000, "has the text 'xxx"),
        ("policy", 3, "attribute 'policy' of type int64, expected a string"),
        ("controls", "[", "the recording is damaged"),
        ("controls", '["move", "fly", "jump"]', "has the controls"),
        ("controls", '{"move": 1}', "has the controls"),
        ("controls", "[" * 5_000, "the recording is damaged"),
        ("controls", '["move"]', "has actions of shape"),
        ("resolution", np.array([2**40, 2**40]), "expected 1 to 2048 a side"),
        ("resolution", np.array([-1, 5]), "expected 1 to 2048 a side"),
        ("fov_deg", 1e300, "has fov_deg 1e+300, expected 1.0 to 150.0"),
        ("fov_deg", float("nan"), "has fov_deg nan"),
        ("action_repeat", 0, "has action_repeat 0, expected 1 to 1000"),
        ("max_ticks", -5, "has max_ticks -5"),
        ("met/goal", None, "has no attribute 'met/goal'"),
        ("verdict", None, "has no attribute 'verdict'"),
        ("digests", "3", "has no digests"),
    ],
)
def test_attributes_are_checked(edit, name, value, message):
    with edit() as (_, group):
        del group.attrs[name]
        if value is not None:
            group.attrs[name] = value
    assert message in refusal(edit.path, lambda recording: (recording[0], recording.claims(0)))


def replaced(group, name, **how):
    del group[name]
    return group.create_dataset(name, **how)


DATASETS = {
    "missing": lambda group: group.__delitem__("actions"),
    "a group": lambda group: (group.__delitem__("actions"), group.create_group("actions")),
    "no array": lambda group: replaced(group, "actions", data=3),
    "empty": lambda group: replaced(group, "actions", shape=(0, 3), dtype="i8"),
    "endless, nothing of it stored": lambda group: replaced(group, "actions", shape=(2**40, 3), dtype="i8"),
    "as long as its mission, nothing stored": lambda group: replaced(group, "actions", shape=(600, 3), dtype="i8"),
    "of other numbers": lambda group: replaced(group, "actions", data=np.zeros((STEPS, 3), "f8")),
    "objects": lambda group: replaced(group, "actions", shape=(STEPS, 3), dtype=h5py.vlen_dtype("i8")),
    "references": lambda group: replaced(group, "actions", shape=(STEPS, 3), dtype=h5py.ref_dtype),
    "compressed": lambda group: replaced(group, "actions", data=np.zeros((STEPS, 3), "i8"), compression="gzip"),
    "in another file": lambda group: replaced(
        group, "actions", shape=(STEPS, 3), dtype="i8", external=[("/etc/hostname", 0, 24 * STEPS)]
    ),
    "choices that no control offers": lambda group: group["actions"].__setitem__((5, 2), 7),
    "more steps than the rest": lambda group: replaced(group, "actions", data=np.zeros((STEPS + 2, 3), "i8")),
    "events of another kind": lambda group: replaced(group, "mcproxy/events", data=[1, 2]),
    "endless events": lambda group: replaced(group, "mcproxy/events", shape=(2**40,), dtype=format.EVENT),
    "endless outputs": lambda group: replaced(group, "mcproxy/outputs/value", shape=(STEPS, 2**40), dtype="f8"),
    "outputs of strings": lambda group: replaced(group, "mcproxy/outputs/value", data=["x"] * STEPS),
    "many outputs": lambda group: [
        group.create_dataset(f"mcproxy/outputs/{k}", data=np.zeros((STEPS, 1000))) for k in range(16)
    ],
}


@pytest.mark.parametrize("change", DATASETS.values(), ids=DATASETS)
def test_arrays_are_checked_before_they_are_read(edit, change):
    with edit() as (_, group):
        change(group)
    assert "episode 0: " in refusal(edit.path)


@pytest.mark.parametrize("kind", ["soft", "external", "virtual"])
@pytest.mark.parametrize("name", ["actions", "mcproxy", "mcproxy/outputs/value", "observations/pov"])
def test_nothing_leads_out_of_an_episode(edit, written, kind, name):
    with edit() as (file, group):
        shape, dtype = (
            (np.shape(group[name]), group[name].dtype) if isinstance(group[name], h5py.Dataset) else ((1,), "f8")
        )
        del group[name]
        if kind == "soft":
            group[name] = h5py.SoftLink(f"/episode_1/{name}")
        elif kind == "external":
            group[name] = h5py.ExternalLink(str(written), f"/episode_0/{name}")
        else:
            layout = h5py.VirtualLayout(shape, dtype)
            layout[:] = h5py.VirtualSource(str(written), f"/episode_0/{name}", shape, dtype)
            group.create_virtual_dataset(name, layout)
    assert "episode 0: " in refusal(edit.path, lambda recording: (recording[0], recording.frames(0)))


def test_an_episode_that_is_a_link_to_another_file_is_refused(edit, written):
    with edit() as (file, _):
        del file["episode_0"]
        file["episode_0"] = h5py.ExternalLink(str(written), "/episode_0")
    assert "has no complete episode 0, but a later one" in refusal(edit.path)


def pack(group, chunk, **how):
    """Store other compressed bytes as the only chunk of frames of the first episode."""
    shape = group["observations/pov"].shape
    how = {"chunks": shape, "compression": "gzip", "compression_opts": 1} | how
    pov = replaced(group, "observations/pov", shape=shape, dtype="u1", **how)
    pov.id.write_direct_chunk((0, 0, 0, 0), chunk)


def bomb(size):
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()


FRAMES = {
    "a bomb": lambda group: pack(group, bomb(2**28)),
    "too short": lambda group: pack(group, zlib.compress(bytes(100))),
    "too long by one": lambda group: pack(group, zlib.compress(bytes((STEPS + 1) * 32 * 48 * 3 + 1))),
    "cut": lambda group: pack(group, zlib.compress(bytes((STEPS + 1) * 32 * 48 * 3))[:-3]),
    "no zlib": lambda group: pack(group, b"x" * 1000),
    "far too many bytes": lambda group: pack(group, bytes(10**6)),
    "another filter": lambda group: pack(group, b"x", compression="lzf", compression_opts=None),
    "two filters": lambda group: pack(group, b"x", shuffle=True),
    "other chunks": lambda group: replaced(
        group,
        "observations/pov",
        data=np.zeros((STEPS + 1, 32, 48, 3), "u1"),
        chunks=(4, 32, 48, 3),
        compression="gzip",
    ),
    "of another size": lambda group: replaced(group, "observations/pov", data=np.zeros((STEPS + 1, 5, 5, 3), "u1")),
    "in one piece": lambda group: replaced(group, "observations/pov", data=np.zeros((STEPS + 1, 32, 48, 3), "u1")),
    "nothing stored": lambda group: replaced(
        group,
        "observations/pov",
        shape=(STEPS + 1, 32, 48, 3),
        dtype="u1",
        chunks=(STEPS + 1, 32, 48, 3),
        compression="gzip",
    ),
}


@pytest.mark.parametrize("change", FRAMES.values(), ids=FRAMES)
def test_frames_are_unpacked_to_their_size_or_refused(edit, change):
    with edit() as (_, group):
        change(group)
    assert "episode 0: " in refusal(edit.path, lambda recording: recording.frames(0))
    with Recording(edit.path) as recording:
        np.testing.assert_array_equal(recording.frames(1), episodes()[1].frames)  # the other one is as good as ever


def test_frames_that_would_fill_the_memory_are_refused(edit):
    with Recording(edit.path) as recording, pytest.raises(UserError, match="take more than"):
        recording.frames(0, size=(20_000, 20_000))


def test_a_path_finds_the_recordings_below_it_but_follows_no_links(written, tmp_path):
    for name in ("b", "a"):
        (tmp_path / name / "data").mkdir(parents=True)
        shutil.copy(written, tmp_path / name / "data")
    (tmp_path / "c").symlink_to(written.parent)
    (tmp_path / "main_data.hdf5").symlink_to(written)
    assert find(tmp_path) == [tmp_path / name / "data" / "main_data.hdf5" for name in ("a", "b")]
    assert len(Recording(tmp_path / "a")) == 2
    assert "has 2 recordings below it: name one of them" in refusal(tmp_path)


def test_a_path_without_recordings_is_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nothing")
    (tmp_path / "mixture1-0-aligned-v0").mkdir()
    assert f"did you mean {tmp_path / 'mixture1-0-aligned-v0'}?" in refusal(tmp_path / "mixture1.0-aligned-v0")
    assert "has no main_data.hdf5 below it" in refusal(tmp_path)


def test_a_recording_without_a_complete_episode_is_empty(edit):
    with edit() as (file, group):
        del group.attrs["complete"], file["episode_1"].attrs["complete"]
    with Recording(edit.path) as recording:
        assert len(recording) == 0


def test_attributes_that_a_later_version_adds_are_ignored(edit):
    with edit() as (file, group):
        group.attrs["note"] = json.dumps({"new": True})
        file.attrs["note"] = "new"
        group["mcproxy/new"] = np.zeros(3)
    with Recording(edit.path) as recording:
        assert recording[0].digests() == episodes()[0].digests()
