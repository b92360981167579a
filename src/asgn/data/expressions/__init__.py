"""Referring expressions for scenes whose objects are known."""
