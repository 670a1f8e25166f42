"""Decisions and texts, without a server."""
