"""The hub, and the model card."""
