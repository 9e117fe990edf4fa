"""All decisions. No I/O, no clock, no randomness: facts come in as arguments, orders go out as values."""
