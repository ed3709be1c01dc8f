"""`search.html`: the course of a search, who descends from whom, and the best architecture."""
