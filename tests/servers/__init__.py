"""Real servers for the tests, on loopback and with random ports."""
