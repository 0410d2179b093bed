"""Derivatives by means of the passes, each on arrays, without a network.

`gradient` of a loss by θ; `first` of the outputs; `second` of a loss; of single examples, from
factors (`per_example`, `kronecker`). docs/derivatives.md derives them.
"""

from __future__ import annotations

__all__: list[str] = []
