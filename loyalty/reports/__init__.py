"""Questions over everything: sales, points, the dashboard, finding customers and their cards.

Every report is a plain function over a read session and answers with a frozen dataclass; each
figure's formula stands in its docstring. Days are days of the business time zone.
"""
