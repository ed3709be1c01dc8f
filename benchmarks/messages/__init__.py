"""The texts of the source that people read, and their translations."""
