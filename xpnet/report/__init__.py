"""A training on one page: settings, data, curves, metrics, confusions, the worst examples.

`Report` needs matplotlib (extra ``plot``), which draws its pictures as SVG within the page.
"""

from __future__ import annotations

from xpnet.report.report import Report
from xpnet.report.shown import Images, Rows

__all__ = ["Images", "Report", "Rows"]
