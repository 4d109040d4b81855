"""The command line and the composition root: what puts the rooms together."""
