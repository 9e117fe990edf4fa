"""The commands: ask over a small blocking client, format, print."""
