"""What the shop sells, as far as messages need it: names, pictures, what goes with what."""
