"""Attacks on the approval: none of them may change production."""
