"""How long the commands take, beside psql."""
