"""The likeliest classes of given images."""
