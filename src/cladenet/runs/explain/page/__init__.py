"""The sections of the page of `explain`."""
