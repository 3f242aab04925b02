"""The switch yard: the little world that ships with Signalbox."""
