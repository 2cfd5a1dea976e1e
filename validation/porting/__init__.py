"""Networks that people have: in, pruned, measured, and out again in the form they came in."""
