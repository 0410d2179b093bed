"""Measure this machine's matrix products and training steps, and find what would speed it up."""

from __future__ import annotations

from xpnet.doctor.report import Finding, Report, examine, findings
from xpnet.doctor.tuning import mend

__all__ = ["Finding", "Report", "examine", "findings", "mend"]
