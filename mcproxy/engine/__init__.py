"""The embedded voxel engine: N worlds stepped and drawn together. Needs numpy and numba alone."""
