"""What is measured, each path against its own ceiling in the same run."""
