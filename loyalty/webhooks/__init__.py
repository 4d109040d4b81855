"""Outgoing webhooks: the shop's other systems are told what happens, signed, with retries."""
