"""Files of weights: fetched, told apart, and read in a process of their own."""
