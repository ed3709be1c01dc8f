"""The commands about data sets: check, index."""
