"""One module for each format: from a network and what is known of it to a file."""
