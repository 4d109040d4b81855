"""Purchases: quote, record, return; the sale from the card to the receipt."""
