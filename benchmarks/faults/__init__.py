"""Faults, one a module: each trial is a function of a number, which a test calls a few times and
`benchmarks/soak.py` many times. A promise that is not kept is an AssertionError."""
