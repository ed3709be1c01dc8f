"""What a server answers with: networks by name, their batches, and how one replaces another."""
