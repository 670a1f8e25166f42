"""The endpoint that `gate serve` answers with: routes, limits, and what goes on beside them."""
