"""Accuracies without a training: for tests and for fair comparisons of the searches."""
