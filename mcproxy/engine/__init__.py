"""The embedded voxel engine: N worlds stepped and drawn together. Needs numpy and numba alone."""

from pathlib import Path

from mcproxy.engine import kernel_cache

kernel_cache.drop_stale(Path(__file__).parent.parent)
