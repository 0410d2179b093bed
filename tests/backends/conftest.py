"""The fixtures of the tests of backends."""

from tests.support.cards import card

__all__ = ["card"]
