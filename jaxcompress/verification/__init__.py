"""Proof that streams are the same however a machine computes them: `verify`, and the variants that it compares."""

from jaxcompress.verification.verify import Difference, Report, Row, verify

__all__ = ["Difference", "Report", "Row", "verify"]
