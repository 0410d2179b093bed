"""What all targets of one column share: their name, their place, and the rows that judge them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Self

from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = ["Single", "Truth"]


class Truth(NamedTuple):
    """Rows with their targets, by which answers are judged.

    Attributes
    ----------
    table : Table
        With the targets in every row.
    holes : collection of str
        Texts that mean a missing cell, beside the usual ones.
    weights : (N,), optional
        Of the rows.
    """

    table: Table
    holes: Collection[str] = ()
    weights: Host | None = None


@dataclass(frozen=True)
class Single(ABC):
    """A column to predict."""

    name: str

    @property
    def each(self) -> tuple[Self, ...]:
        """The single targets: this one."""
        return (self,)

    @abstractmethod
    def answers(self, outputs: Host) -> Host:
        """What the model answers with, given the network's outputs."""

    @abstractmethod
    def named(self, answers: Host) -> dict[str, Host]:
        """The `answers` as named columns."""

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """`named` answers to the outputs."""
        return self.named(self.answers(outputs))
