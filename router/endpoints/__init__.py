"""Doors beside the conversations, each in the form that its clients ask for and in that of the servers behind it."""
