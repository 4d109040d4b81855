"""Alembic's history, one for SQLite and PostgreSQL."""
