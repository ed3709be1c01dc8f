"""The top classes of given images."""
