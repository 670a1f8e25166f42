"""What each statement of a migration does, from its parse tree: one family of statements a file."""
