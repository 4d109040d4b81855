"""Chains: who is enrolled, which step is due, what leaves them."""
