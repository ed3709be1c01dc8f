"""Images decoded once and kept: on disk, in memory, and how their age is told."""
