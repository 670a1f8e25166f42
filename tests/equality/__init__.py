"""Gate beside Drizzle's own tools, on the same folders: the same rows, the same schema, nothing pending afterwards."""
