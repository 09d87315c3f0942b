"""What watches a stack, one noun a file; monitoring composes them."""
