"""The art that the textures are made of, drawn by our own code."""
