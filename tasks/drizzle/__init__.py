"""Drizzle, both generations: its folder, its ledger, every state between the two, and an apply that writes the same."""
