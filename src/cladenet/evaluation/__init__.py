"""How well a network does on a split: counts, errors with intervals, and the protocols."""
