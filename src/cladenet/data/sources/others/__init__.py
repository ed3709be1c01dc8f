"""Data sets of other kinds than are read here: how to tell them, and what to do with them."""
