"""One file an engine: who computes the network."""
