"""How a model reads a person's words."""
