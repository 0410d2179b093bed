"""Example data sets, and a split into training and test examples."""

from __future__ import annotations

from xpnet.datasets.digits import load_digits
from xpnet.datasets.fashion_mnist import load_fashion_mnist
from xpnet.datasets.split import stratified_split

__all__ = ["load_digits", "load_fashion_mnist", "stratified_split"]
