"""Searches with hundreds of workers in simulated time."""
