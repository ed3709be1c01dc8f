"""What comes over the network and what goes back, with a bound on each of it."""
