"""Report a training on one page: settings, data, curves, metrics, confusions, worst examples.

`Report` needs matplotlib (extra ``plot``), which draws the figures as SVG within the page.
"""

from __future__ import annotations

from xpnet.report.report import Report
from xpnet.report.shown import Images, Rows

__all__ = ["Images", "Report", "Rows"]
