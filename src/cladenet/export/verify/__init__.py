"""Files held against what they were made of, and against what they say of themselves."""
