"""One HTML page of curves, tables and pictures, which needs no network."""

from jaxcompress.evaluate.entries import Entry, load_entries
from jaxcompress.evaluate.report.page import Report, make_report

__all__ = ["Entry", "Report", "load_entries", "make_report"]
