"""Checks of a data set: unreadable, duplicate, leaking, unfit for a network."""
