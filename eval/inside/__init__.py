"""Inside an agent: which labels its activations carry, and what a branch of an episode changes."""
