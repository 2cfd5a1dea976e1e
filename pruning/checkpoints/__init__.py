"""Networks as other libraries save them: read, pruned, and written back in the same form."""
