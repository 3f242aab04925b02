"""What `signalbox doctor` looks at: each check is a small function that returns one result."""
