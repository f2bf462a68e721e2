"""Checkpoints come back as they were, say in a line what is wrong with one, and are written whole or not at all."""

import json
import resource

import pytest
import torch
from safetensors.torch import load_file, save_file

from mcproxy.agent import checkpoint
from mcproxy.agent.architectures.lstm import LstmAgent
from mcproxy.agent.config import PPOConfig, RunConfig
from mcproxy.errors import UserError
from tests.helpers.cue_env import CueEnv

RUN = RunConfig(task="cue", resolution=(36, 36), ppo=PPOConfig(hidden=16, lstm=16))


@pytest.fixture
def folder(tmp_path):
    checkpoint.save(tmp_path / "agent", LstmAgent((36, 36), (3, 2), 16, 16), checkpoint.describe(RUN, CueEnv(1), 640))
    return tmp_path / "agent"


def edited(folder, **changes):
    """The folder with values of its config replaced; None drops one."""
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


def refusal(folder):
    with pytest.raises(UserError) as error:
        checkpoint.load(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    agent = LstmAgent((36, 44), (3, 2), 16, 8)
    run = RunConfig(task="cue", resolution=(36, 44), ppo=PPOConfig(hidden=16, lstm=8, gamma=0.9))
    config = checkpoint.describe(run, CueEnv(1, resolution=(36, 44)), 640)
    checkpoint.save(tmp_path, agent, config)
    loaded, read = checkpoint.load(tmp_path)
    assert read == json.loads(json.dumps(config)) and read["run"]["ppo"]["gamma"] == 0.9
    for name, weight in agent.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name])
    frames = torch.randint(0, 256, (2, 36, 44, 3), dtype=torch.uint8)
    starts = torch.ones(2, dtype=torch.bool)
    torch.testing.assert_close(
        loaded.step(frames, loaded.initial_state(2), starts)[0], agent.step(frames, agent.initial_state(2), starts)[0]
    )


def test_equal_weights_give_equal_bytes_in_every_process(tmp_path):
    agent, config = LstmAgent((36, 44), (3, 2), 16, 8), checkpoint.describe(RunConfig(), CueEnv(1), 640)
    checkpoint.save(tmp_path, agent, config)
    raw = (tmp_path / "model.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")  # of the header: JSON, after 8 bytes
    # Several keys are in an order that varies from one call to the next; one key has one order.
    assert list(json.loads(raw[8 : 8 + size])["__metadata__"]) == ["mcproxy-agent"]
    for k in range(20):
        checkpoint.save(tmp_path / str(k), agent, config)
        assert (tmp_path / str(k) / "model.safetensors").read_bytes() == raw


def test_an_agent_of_the_default_size_takes_less_than_3_mb(tmp_path):
    checkpoint.save(tmp_path, LstmAgent((64, 64), (3, 3, 2)), checkpoint.describe(RunConfig(), CueEnv(1), 0))
    assert (tmp_path / "model.safetensors").stat().st_size < 3_000_000


def test_what_is_not_a_checkpoint_is_refused(folder, tmp_path):
    assert "not a folder" in refusal(tmp_path / "nothing")
    assert "not a folder" in refusal(folder / "config.json")
    assert "has no config.json" in refusal(tmp_path)
    (folder / "model.safetensors").unlink()
    assert "has no model.safetensors" in refusal(folder)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b[:4], lambda b: b"", lambda b: b"\xff" * 8 + b[8:], lambda b: b"PK" + b],
    ids=["half", "start", "empty", "huge header", "other format"],
)
def test_a_damaged_model_file_is_refused(folder, damage):
    file = folder / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    assert "not a whole safetensors file" in refusal(folder)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"format": "other"}, "is not the config of an mcproxy agent"),
        ({"schema": 3}, "has schema 3, this mcproxy reads 2: upgrade mcproxy"),
        ({"schema": 1}, "has schema 1, this mcproxy reads 2: train the agent again"),
        ({"steps": -1}, "is damaged"),
        ({"run": None}, "is damaged (KeyError: 'run')"),
        ({"run": {"task": 3}}, "setting task of the run is 3"),
        ({"run": {"tusk": "beacon"}}, "did you mean 'task'"),
        ({"action": {}}, "is damaged"),
        ({"action": {"move": 10**9}}, "is damaged"),
        ({"action": [3, 2]}, "is damaged"),
        ({"task": "cue"}, "is damaged"),
        ({"run": {"resolution": [36, 36], "ppo": {"hidden": 10**12, "lstm": 10**12}}}, "is damaged"),
        ({"run": {"resolution": [36, 36], "ppo": {"hidden": 60_000, "lstm": 60_000}}}, "its config describes"),
        ({"observation": {"pov": [64, 64, 3]}}, "is damaged"),
        ({"action": {"move": 3, "jump": 3}}, "policy.weight is F32 (5, 16), its config describes F32 (6, 16)"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_and_takes_no_memory(folder, changes, said):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert said in refusal(edited(folder, **changes))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB; 60,000 units would be 100 GB


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, " " * 2**21])
def test_a_config_that_is_not_ours_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    refusal(folder)


def test_weights_of_another_kind_or_number_are_refused(folder):
    file = folder / "model.safetensors"
    weights = load_file(file)
    save_file(weights | {"value.bias": torch.tensor([float("nan")])}, file)
    assert "not finite" in refusal(folder)
    save_file(weights | {"value.bias": weights["value.bias"].bfloat16()}, file)
    assert "value.bias is BF16" in refusal(folder)
    save_file(weights | {"value.bias": weights["value.bias"].half()}, file)  # as in packed agents
    assert checkpoint.load(folder)[0].value.bias.dtype == torch.float32
    save_file({k: v for k, v in weights.items() if k != "value.bias"}, file)
    assert "value.bias" in refusal(folder)
    save_file(weights | {"extra": torch.zeros(1)}, file)
    assert "extra" in refusal(folder)


def test_an_agent_for_other_frames_or_controls_is_refused(folder):
    _, config = checkpoint.load(folder)
    checkpoint.check_fits(config, CueEnv(1), "mine")
    with pytest.raises(UserError, match="mine was trained on frames of 36 x 36, this environment shows 48 x 40"):
        checkpoint.check_fits(config, CueEnv(1, resolution=(48, 40)), "mine")
    other = CueEnv(1)
    other.task = type(other.task)(name="run", controls=("move", "sprint"))
    with pytest.raises(UserError, match=r"mine presses move, jump \(task cue\), task run takes move, sprint"):
        checkpoint.check_fits(config, other, "mine")


def test_resume_files_of_another_kind_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("this must not run",)

    checkpoint.save_resume(tmp_path, {"updates": 3})
    assert checkpoint.load_resume(tmp_path)["updates"] == 3
    whole = (tmp_path / "resume.pt").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"text"):
        (tmp_path / "resume.pt").write_bytes(content)
        with pytest.raises(UserError, match="cannot be resumed from"):
            checkpoint.load_resume(tmp_path)
    torch.save({"schema": 2, "evil": Evil()}, tmp_path / "resume.pt")
    with pytest.raises(UserError, match="cannot be resumed from"):
        checkpoint.load_resume(tmp_path)
    torch.save({"schema": 3}, tmp_path / "resume.pt")
    with pytest.raises(UserError, match="has schema 3, this mcproxy resumes 2"):
        checkpoint.load_resume(tmp_path)


@pytest.mark.parametrize("what", ["model", "resume"])
def test_a_full_disk_leaves_the_last_checkpoint_whole(folder, what):
    checkpoint.save_resume(folder, {"updates": 1})
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (1000, hard)
    )  # bytes that a file may have: writing fails as on a full disk
    try:
        with pytest.raises((UserError, OSError)) as error:
            if what == "model":
                checkpoint.save(folder, LstmAgent((36, 36), (3, 2), 16, 16), checkpoint.describe(RUN, CueEnv(1), 1280))
            else:
                checkpoint.save_resume(folder, {"updates": 2, "agent": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before
