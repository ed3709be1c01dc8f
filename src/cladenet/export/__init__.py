"""A trained network as one file that runs elsewhere: written, verified, and run without torch."""
