"""Networks behind HTTP: an API with micro-batches, a page for people, live curves of training."""
