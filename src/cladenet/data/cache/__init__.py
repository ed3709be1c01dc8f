"""Images decoded once and kept, on disk or in memory, and how it is known if they are current."""
