"""What customers think: ratings of purchases, and talks with the staff."""
