"""The report as a page that is opened from disk: index.html, and what it shows of single cases in files beside it."""

from harness.reporting.html.page import write_html

__all__ = ["write_html"]
