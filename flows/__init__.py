"""The doors: what the outside world starts."""
