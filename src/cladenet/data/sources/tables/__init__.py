"""How a table is read: its text, its columns, where its images are, and their labels."""
