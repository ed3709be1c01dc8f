"""What a run gets right, by one protocol or several."""
