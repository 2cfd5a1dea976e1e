"""A statement over a whole box of instances: section 13 of the theory."""
