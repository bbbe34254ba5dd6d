"""What the responder costs: calls, reads, time of its own, and how fast queues drain. `make bench` runs all of it."""
