"""Thresholds for runs: set on held-out images, kept beside the weights, measured, used."""
