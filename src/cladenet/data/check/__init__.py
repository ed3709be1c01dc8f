"""The doctor: unreadable, duplicate, leaking, unfit for a network."""
