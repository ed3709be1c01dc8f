"""Images inside archives: tar shards in the WebDataset layout, and Parquet with image bytes."""
