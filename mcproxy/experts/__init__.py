"""Policies that know the world: experts, each of which is after one objective, and agents with a planted want."""

from mcproxy.experts.expert import Expert

__all__ = ["Expert"]
