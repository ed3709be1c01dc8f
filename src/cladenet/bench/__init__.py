"""How fast networks are on this machine, beside others, and how far from what it can do."""
