"""Image files: which there are, and their pixels."""
