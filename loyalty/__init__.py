"""The domain: who the customer is, what they own, what we may say to them and when.

Plain synchronous functions over a SQLAlchemy ``Session``. Nothing here knows of Telegram,
HTTP or a scheduler; the faces (``bot``, ``admin``, ``scheduler``) call in through
``Database.transact`` and ``Database.read``.
"""
