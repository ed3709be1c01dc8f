"""`report.html`: a run on one self-contained page."""

from cladenet.report.facts import ReportFacts
from cladenet.report.page import render, write_report

__all__ = ["ReportFacts", "render", "write_report"]
