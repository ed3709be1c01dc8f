"""The commands that make or use a run: train, evaluate, predict."""
