"""Layers, one per file: as a user writes them, and bound (`xpnet.equations.protocol`)."""

from __future__ import annotations

from xpnet.layers.batch_norm import BatchNorm
from xpnet.layers.dense import Dense
from xpnet.layers.dropout import Dropout
from xpnet.layers.embedding import Embedding
from xpnet.layers.layer_norm import LayerNorm
from xpnet.layers.residual import Residual

__all__ = ["BatchNorm", "Dense", "Dropout", "Embedding", "LayerNorm", "Residual"]
