"""Asking the candidates: in what order and how often, when an answer counts, and what a failure means."""
