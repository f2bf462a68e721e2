"""A Malmo server over the embedded engine, for MineRL clients; it needs no Java."""
