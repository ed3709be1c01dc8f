"""What every classifier can be asked for: recording, checkpointing, timm's methods."""
