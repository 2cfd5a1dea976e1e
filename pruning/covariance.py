"""The second moments of the hidden states: all that pruning needs to see of the data."""
