"""One port per AWS service that the application talks to: it owns that service's batching, quotas and errors."""
