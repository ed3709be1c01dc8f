"""The site: how-to pages from docs/, and pages made from the code, the ledger and the parsers.

`python -m website` writes all of it as Markdown, lets Zensical make HTML of that, and fails on a
link that leads nowhere. Nothing of it is in the wheel.
"""
