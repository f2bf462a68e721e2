"""Frames of the worlds: the fast renderer, the plain reference that it is tested against, and their textures."""
