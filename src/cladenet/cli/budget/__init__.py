"""`--budget`, `--max-drop` and `--cascade` of `evaluate` and `predict`."""
