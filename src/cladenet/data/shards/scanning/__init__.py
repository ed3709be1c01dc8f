"""Shards read from end to end: for an index, or to look whether they are still the same."""
