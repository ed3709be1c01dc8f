"""Files of weights: fetched, recognised, and read in a process of their own."""
