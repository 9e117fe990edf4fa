"""The journal process: receives, stores and forwards log lines."""
