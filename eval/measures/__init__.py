"""What is measured over episodes: capability, quartets, nuisances, their intervals, and the finding read from them."""
