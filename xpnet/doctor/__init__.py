"""What this machine does with matrix products and training steps, and what would make it faster."""

from __future__ import annotations

from xpnet.doctor.report import Finding, Report, examine, findings
from xpnet.doctor.tuning import mend

__all__ = ["Finding", "Report", "examine", "findings", "mend"]
