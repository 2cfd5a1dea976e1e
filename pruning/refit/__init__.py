"""Fit the small network to the large one's outputs, on sequences without labels (section 11)."""
