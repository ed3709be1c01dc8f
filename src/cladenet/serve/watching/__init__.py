"""The curves of runs while they are trained."""
