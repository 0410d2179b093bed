"""Random networks and training steps: drawn from a seed, run by several engines, and compared."""
