"""Measurements. Nothing in `router` imports from here."""
