"""The customer's side: joining, the card, points, profile, privacy."""

from bot.customer.routes import router

__all__ = ["router"]
