"""The agent: its network, its trainer, its checkpoints, and the policy that acts with it."""
