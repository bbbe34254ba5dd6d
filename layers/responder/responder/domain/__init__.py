"""What the application knows about security events, in pure Python: no AWS SDK, no clock, no environment."""
