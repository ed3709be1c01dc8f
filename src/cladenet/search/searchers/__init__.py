"""Who searches: each asks for an architecture to train and is given its validation accuracy."""
