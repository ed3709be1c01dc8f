"""Images decoded once and kept: on disk, in memory, and how it is known whether they are current."""
