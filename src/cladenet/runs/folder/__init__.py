"""The folder of a run: what it holds, who writes to it."""
