"""World models: a latent state, what an action makes of it, and a decoder that says it in words."""
