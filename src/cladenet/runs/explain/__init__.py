"""`explain`: a run's answers and what is inside its network, on one page."""
