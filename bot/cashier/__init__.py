"""The till in a chat: joining by a link, sales, returns, the shift.

``router()`` gives the handlers; they let only those through who may sell at an outlet, and
``j_`` links for anybody.
"""

from bot.cashier.routes import router

__all__ = ["router"]
