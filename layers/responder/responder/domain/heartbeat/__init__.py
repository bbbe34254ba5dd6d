"""Heartbeats: who is expected to send them, when each was last heard, and who is silent."""
