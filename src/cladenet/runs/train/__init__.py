"""One training, from the command to the report."""
