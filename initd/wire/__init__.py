"""Bytes to values and back, for every protocol. No module here owns a socket or waits."""
