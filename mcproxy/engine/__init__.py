"""The embedded voxel engine: N worlds stepped and drawn together. Needs numpy and numba alone."""

from pathlib import Path

from mcproxy.engine import kernel_cache

_PACKAGE = Path(__file__).parent.parent
kernel_cache.ensure_folder(_PACKAGE)
kernel_cache.drop_stale(_PACKAGE)
