"""Who acts: the model, its trainer, checkpoints, experts, and the one policy protocol they share."""
