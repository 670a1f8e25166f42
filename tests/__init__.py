"""Sentences about what the gate does, each one checked on real servers."""
