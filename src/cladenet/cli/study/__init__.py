"""The commands that show why networks work."""
