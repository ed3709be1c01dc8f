"""One trial: a network built, trained and scored, here or by other processes."""
