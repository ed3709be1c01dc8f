"""The training loop and its parts; a run folder is the business of `cladenet.runs`."""
