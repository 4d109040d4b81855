"""The call list: what somebody of the staff is to do for a customer, and what came of it."""
