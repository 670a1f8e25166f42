"""What is true here: settings from the environment and policy from gate.toml."""
