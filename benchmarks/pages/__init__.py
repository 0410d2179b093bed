"""The parts of README.md and the docs that committed results fill, a file for each subject."""
