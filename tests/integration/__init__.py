"""One part at a time, against real servers and real processes."""
