"""Preprocessing inside a file: written once, for any kind of graph that offers a few operations."""
