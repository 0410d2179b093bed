"""Every equation of one forward and one backward pass, as data, text and a page.

`xpnet.Network.explain` makes one. `walk` runs the pass, `recorded` and `dense` know the equations
of each kind of layer, `text` and `html` show the result.
"""

from __future__ import annotations

from xpnet.explain.entry import Entry
from xpnet.explain.explain import explain
from xpnet.explain.explanation import Explanation
from xpnet.explain.rows import Layer, Operand, Parameter, Row

__all__ = ["Entry", "Explanation", "Layer", "Operand", "Parameter", "Row", "explain"]
