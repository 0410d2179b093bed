"""Draw random training steps from seeds, run them by several engines, and compare the results."""
