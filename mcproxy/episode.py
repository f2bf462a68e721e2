"""One episode as plain data: what is recorded, replayed and verified."""

import functools
import hashlib
import json
from dataclasses import dataclass, field

import numpy as np

from mcproxy import errors
from mcproxy.mission import Event, Mission, Origin

LABEL, TRACE = "label.", "trace."  # so begin the names of outputs that are labels, or activations of the policy
MAX_OUTPUT_BYTES = 16 * 2**10  # of all of a policy's outputs, in one step


@dataclass(eq=False, repr=False)
class Episode:
    """T steps of one world, from its mission to its verdict.

    frames         (T + 1, H, W, 3) uint8, or None where they are not kept: actions and mission make them again
    actions        (T, C) int64, a choice of each of `controls`
    rewards        (T,) float64, those of the goal
    terminations   (T,) bool, the goal was met, or the player died;  truncations (T,) bool, the time was up
    poses          (T + 1, 5) float64: x, y, z of the feet in blocks, yaw and pitch in degrees
    ticks          (T + 1,) int64 since the episode began
    met            by objective, the first tick at which it was met, -1 for never
    outputs        what else is known of each step, (T, ...) each: value and log_prob, which the policy says of its
                   action; `label.NAME` and `trace.NAME`, of the state in which the action was chosen
    max_ticks      the time limit where it is shorter than the mission's
    backend        what ran the world, with its version and processor, if it was not the embedded engine
    """

    mission: Mission
    policy: str
    frames: np.ndarray | None
    actions: np.ndarray
    rewards: np.ndarray
    terminations: np.ndarray
    truncations: np.ndarray
    poses: np.ndarray
    ticks: np.ndarray
    met: dict[str, int]
    events: tuple[Event, ...]
    verdict: str
    resolution: tuple[int, int]
    fov_deg: float
    action_repeat: int
    controls: tuple[str, ...]
    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    max_ticks: int | None = None
    backend: str = ""

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def origin(self) -> Origin:
        """Where the mission came from; one that was made by hand cannot be recorded, and is a ValueError."""
        if self.mission.origin is None:
            raise ValueError("the mission has no origin: only missions drawn by a task can be drawn again")
        return self.mission.origin

    @property
    def seed(self) -> int:
        """The seed of its layout, which is the same layout in every arm and recording of a task and split."""
        return self.origin.seed

    def targets(self, name: str) -> np.ndarray:
        """The block positions at which an objective can be met when the episode begins: (K, 3) int64, x, y and z.

        A position is the block's corner of least x, y and z; the block's middle is half a block beyond. The array is
        empty for an objective without a position in this world. An unknown objective is a `UserError`.
        """
        if name not in self.met:
            raise errors.unknown("objective", name, self.met)
        return self.mission.targets(name)

    def __repr__(self) -> str:
        where = "a mission of its own" if self.mission.origin is None else f"{self.origin.task} {self.origin.arm}"
        seed = "" if self.mission.origin is None else f" seed {self.seed}"
        return f"<Episode of {self.policy} in {where}{seed}: {self.verdict} after {len(self)} steps>"

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """The labels by name, (T,) float32 each (see `mcproxy.env.labels`); none if they were not recorded."""
        return _without(LABEL, self.outputs)

    @property
    def traces(self) -> dict[str, np.ndarray]:
        """The policy's activations by name, (T, ...) float16 each; none if they were not recorded."""
        return _without(TRACE, self.outputs)

    @property
    def limit(self) -> int:
        """The ticks after which the episode is cut off."""
        return min(self.mission.max_ticks, self.max_ticks or self.mission.max_ticks)

    @property
    def returns(self) -> dict[str, float]:
        """The return of every objective."""
        return {o.name: o.paid(self.met[o.name], self.events) for o in self.mission.objectives}

    @functools.cached_property
    def mission_digest(self) -> str:
        """The digest of the mission."""
        return self.mission.digest()

    def check(self) -> None:
        """A ValueError unless the arrays have the shapes and dtypes that the class promises."""
        steps, choices = len(self), len(self.controls)
        promised: dict[str, tuple[np.ndarray, tuple[int, ...], type]] = {
            "actions": (self.actions, (steps, choices), np.int64),
            "rewards": (self.rewards, (steps,), np.float64),
            "terminations": (self.terminations, (steps,), np.bool_),
            "truncations": (self.truncations, (steps,), np.bool_),
            "poses": (self.poses, (steps + 1, 5), np.float64),
            "ticks": (self.ticks, (steps + 1,), np.int64),
        }
        if self.frames is not None:
            promised["frames"] = (self.frames, (steps + 1, *self.resolution, 3), np.uint8)
        for name, (array, shape, dtype) in promised.items():
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name} of shape {array.shape} {array.dtype}, expected {shape} {np.dtype(dtype)}")
        if steps == 0:
            raise ValueError("an episode without a step")
        if set(self.met) != {o.name for o in self.mission.objectives}:
            raise ValueError(f"met of {sorted(self.met)}, expected an entry for each objective of the mission")
        if sum(array.nbytes for array in self.outputs.values()) > MAX_OUTPUT_BYTES * steps:
            raise ValueError(f"the policy's outputs take more than {MAX_OUTPUT_BYTES} bytes a step")
        for name, array in self.outputs.items():
            if array.shape[:1] != (steps,) or array.dtype.kind not in "biuf":
                raise ValueError(
                    f"output {name!r} of shape {array.shape} {array.dtype}, expected ({steps}, ...) numbers"
                )

    def digests(self) -> dict[str, str]:
        """A hash of each part but the frames, 16 hex digits: a part was changed exactly if its digest was."""
        arrays: list[object] = [value for name in sorted(self.outputs) for value in (name, self.outputs[name])]
        parts: dict[str, list[object]] = {
            "mission": [vars(self.origin), self.mission.layout, self.mission_digest],
            "view": [
                list(self.resolution),
                self.fov_deg,
                self.action_repeat,
                list(self.controls),
                self.limit,
                *filter(None, [self.backend]),
            ],
            "policy": [self.policy],
            "actions": [self.actions],
            "poses": [self.poses],
            "ticks": [self.ticks],
            "events": [self.events],
            "met": [self.met],
            "verdict": [self.verdict],
            "rewards": [self.rewards],
            "ends": [self.terminations, self.truncations],
            "outputs": arrays,
        }
        return {name: _digest(values) for name, values in parts.items()}


def _without(prefix: str, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): values for name, values in outputs.items() if name.startswith(prefix)}


def _digest(values: list[object]) -> str:
    """A hash of values that are arrays, by dtype, shape and bytes, or plain data, by their JSON."""
    h = hashlib.blake2b(digest_size=8)
    for value in values:
        if isinstance(value, np.ndarray):
            h.update(f"{value.dtype.str}{value.shape}".encode())
            h.update(np.ascontiguousarray(value).tobytes())
        else:
            h.update(json.dumps(value, sort_keys=True).encode())
    return h.hexdigest()
