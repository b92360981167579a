"""Can the answers be trusted: sides, and absent things."""
