"""Exported files opened for running: one module for each runtime, imported when it is needed."""
