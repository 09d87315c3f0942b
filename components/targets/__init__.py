"""Where a stack's nodes come from."""
