"""Searches side by side: on the exact table, or by real trials."""
