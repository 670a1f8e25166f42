"""Compares Gate with dbmate itself, at a pinned version."""
