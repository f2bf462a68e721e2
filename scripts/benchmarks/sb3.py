"""RecurrentPPO of sb3-contrib on our worlds, set up as our trainer is: for the bench, and to compare what they learn.

The same environment, frames, network, distribution of initial weights, roll-out, epochs, minibatches and
hyper-parameters. The algorithm is theirs: a minibatch is made of steps, cut out of the roll-out and padded to
sequences; a time-out adds the value of its last frame to the reward.
"""

from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticCnnPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from mcproxy.agent.config import RunConfig
from mcproxy.agent.model import CHANNELS, KERNELS
from mcproxy.mission import GOAL


class Worlds(VecEnv):
    """A `VoxelVectorEnv` in autoreset mode SAME_STEP as stable-baselines3 takes it: one image, channels first."""

    def __init__(self, env: Any) -> None:
        self.env = env
        height, width = env.single_observation_space["pov"].shape[:2]
        image = gymnasium.spaces.Box(0, 255, (3, height, width), np.uint8)
        super().__init__(env.num_envs, image, env.single_action_space)

    def reset(self) -> np.ndarray:
        """Begin all worlds; sb3 counts seeds on from world to world, so that only the first of them is taken."""
        seeds = None
        if self._seeds[0] is not None:
            drawn = np.random.SeedSequence(self._seeds[0]).generate_state(self.num_envs, np.uint32)
            seeds = [int(seed) // 2 for seed in drawn]
        return _first(self.env.reset(seed=seeds)[0])

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> Any:
        """One step of all worlds; the info of what ended has its last frame, and whether it met the goal."""
        obs, rewards, terminated, truncated, infos = self.env.step(self._actions)
        ended = terminated | truncated
        told: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(ended):
            told[i] = {
                "is_success": bool(infos["final_info"]["met"][GOAL][i] >= 0),
                "terminal_observation": np.moveaxis(infos["final_obs"][i]["pov"], -1, 0),
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
            }
        return _first(obs), rewards.astype(np.float32), ended, told

    def close(self) -> None:
        """Let the worlds go."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The environment's attribute, for every world."""
        return [getattr(self.env, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing that stable-baselines3 sets has a meaning here."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """No method is called from outside."""
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No world is wrapped."""
        return [False] * self.num_envs


class Eyes(BaseFeaturesExtractor):
    """The convolutions and the layer of our agent."""

    def __init__(self, space: gymnasium.spaces.Box, hidden: int) -> None:
        super().__init__(space, hidden)
        layers: list[nn.Module] = []
        for before, after, (kernel, stride) in zip((3, *CHANNELS), CHANNELS, KERNELS, strict=False):
            layers += [nn.Conv2d(before, after, kernel, stride), nn.ReLU()]
        looks = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            width = looks(torch.zeros(1, *space.shape)).shape[1]
        self.layers = nn.Sequential(looks, nn.Linear(width, hidden), nn.ReLU())

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (B, 3, H, W), bytes in float32 -> features (B, hidden)."""
        return self.layers((frames - 128) / 64)


class OneTrunk(RecurrentActorCriticCnnPolicy):
    """Policy and value on one LSTM that learns from both, as ours does; sb3's own learns from the policy alone."""

    def evaluate_actions(
        self, obs: torch.Tensor, actions: torch.Tensor, lstm_states: RNNStates, episode_starts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Values, log-probabilities of the actions, and entropies."""
        features = self.extract_features(obs)
        memory, _ = self._process_sequence(features, lstm_states.pi, episode_starts, self.lstm_actor)
        choices = self._get_action_dist_from_latent(memory)
        return self.value_net(memory), choices.log_prob(actions), choices.entropy()


def recurrent_ppo(config: RunConfig, worlds: Worlds, threads: int) -> RecurrentPPO:
    """RecurrentPPO with the settings of a run of ours, in all of its worlds, on so many of torch's threads."""
    torch.set_num_threads(threads)
    ppo = config.ppo
    model = RecurrentPPO(
        OneTrunk,
        worlds,
        learning_rate=lambda left: ppo.learning_rate * left,
        n_steps=ppo.num_steps,
        batch_size=ppo.batch_size // ppo.num_minibatches,
        n_epochs=ppo.update_epochs,
        gamma=ppo.gamma,
        gae_lambda=ppo.gae_lambda,
        clip_range=ppo.clip_coef,
        ent_coef=ppo.ent_coef,
        vf_coef=ppo.vf_coef / 2,  # of (v - R)^2, of which our value loss is the half
        max_grad_norm=ppo.max_grad_norm,
        policy_kwargs={
            "normalize_images": False,
            "features_extractor_class": Eyes,
            "features_extractor_kwargs": {"hidden": ppo.hidden},
            "lstm_hidden_size": ppo.lstm,
            "shared_lstm": True,
            "enable_critic_lstm": False,
            "net_arch": [],
            "optimizer_kwargs": {"eps": ppo.adam_eps},
        },
        seed=config.seed,
        device=config.device,
    )
    for name, parameter in model.policy.lstm_actor.named_parameters():  # all else begins as ours does
        nn.init.orthogonal_(parameter) if name.startswith("weight") else nn.init.zeros_(parameter)
    return model


def _first(obs: dict[str, np.ndarray]) -> np.ndarray:
    return np.moveaxis(obs["pov"], -1, 1).copy()  # the environment draws the next frames into the same memory
