"""Weights of others: their names for our networks, and the way in and out."""
