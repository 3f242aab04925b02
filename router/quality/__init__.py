"""How fast the backends of the rules are, and a small check of how well they work: `signalbox models bench`."""
