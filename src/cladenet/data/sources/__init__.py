"""What `--data` takes: named sets, folders, tables."""
