"""Layers, one per file: as a user writes them, and bound (`xpnet.equations.protocol`).

`LAYERS` has every layer by its name in model files.
"""

from __future__ import annotations

from typing import Any

from xpnet.layers.batch_norm import BatchNorm
from xpnet.layers.dense import Dense
from xpnet.layers.dropout import Dropout
from xpnet.layers.embedding import Embedding
from xpnet.layers.layer_norm import LayerNorm
from xpnet.layers.residual import Residual

__all__ = ["LAYERS", "BatchNorm", "Dense", "Dropout", "Embedding", "LayerNorm", "Residual"]

LAYERS: dict[str, Any] = {
    "dense": Dense,
    "dropout": Dropout,
    "layer_norm": LayerNorm,
    "batch_norm": BatchNorm,
    "embedding": Embedding,
    "residual": Residual,
}
"""Every layer by its name in a model file, which is "layer" in its ``config()``."""
