"""Other supervisors' files → unit files, and what could not be carried over: one module for each format, all of them pure."""
