"""The web face: the owner's and marketer's panel, and the door for whatever else speaks HTTP.

``make_app`` builds the application, ``start`` serves it. Pages live in ``templates/``, their
looks and scripts in ``static/``; nothing is fetched from elsewhere.
"""

from admin.app import RunningAdmin, make_app, start

__all__ = ["RunningAdmin", "make_app", "start"]
