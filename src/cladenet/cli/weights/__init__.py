"""The commands that turn weights from one form into another."""
