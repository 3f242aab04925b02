"""`kind: world`: a world model and its decoder in a child process, and the proxy's side of it."""
