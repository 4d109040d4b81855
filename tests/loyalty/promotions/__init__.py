"""Promotions: what applies, what it takes off, what it gives, how it is kept and told."""
