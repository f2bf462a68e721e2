"""What agents can be made of, by the name that `--arch` takes: one file each, one interface (`model.Agent`)."""

from collections.abc import Sequence

from mcproxy.agent.architectures.drc import DrcAgent
from mcproxy.agent.architectures.ff import FfAgent
from mcproxy.agent.architectures.gtrxl import GtrxlAgent
from mcproxy.agent.architectures.lstm import LstmAgent
from mcproxy.agent.config import RunConfig
from mcproxy.agent.model import Agent

ARCHITECTURES: dict[str, type[Agent]] = {"lstm": LstmAgent, "ff": FfAgent, "gtrxl": GtrxlAgent, "drc": DrcAgent}


def make_agent(run: RunConfig, sizes: Sequence[int]) -> Agent:
    """An untrained agent as a run's settings describe it, for controls with so many choices."""
    return ARCHITECTURES[run.arch](run.resolution, sizes, run.ppo.hidden, run.ppo.lstm)
