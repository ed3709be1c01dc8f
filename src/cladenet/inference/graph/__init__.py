"""The recorded program of a network: simplified, packed, quantised."""
