"""The commands about this machine: its features and its speed."""
