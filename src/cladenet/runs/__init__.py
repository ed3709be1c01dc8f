"""Runs: the folder of one training, and what is done with it from data to report."""
