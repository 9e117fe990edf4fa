"""All side effects. No module here chooses between two behaviours of a unit."""
