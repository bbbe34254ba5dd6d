"""What a handler needs around its one call into the domain: settings, logs, metrics, and batches of events."""
