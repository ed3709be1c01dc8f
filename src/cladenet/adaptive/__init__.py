"""Adaptive inference: pay for an image what it needs."""
