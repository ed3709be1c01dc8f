"""A release: `python -m release 0.2.0`. CONTRIBUTING.md says what a version's numbers promise."""
