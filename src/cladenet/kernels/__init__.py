"""Faster ways to compute what the layers compute, and to keep less of it."""
