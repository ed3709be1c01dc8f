"""Trials on many machines: Optuna stores who runs what, and notices who has died."""
