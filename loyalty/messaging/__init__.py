"""Messages: the policy that decides, the rows that wait to leave."""
