"""Changes to a network that is built: other norms, other padding, other outputs."""
