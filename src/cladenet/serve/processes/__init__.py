"""Processes that decode and compute, so that no interpreter's lock is between the cores."""
