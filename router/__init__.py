"""Signalbox: one OpenAI-compatible URL in front of every model; YAML rules decide where a request goes, and say why."""

__version__ = "0.1.0"
