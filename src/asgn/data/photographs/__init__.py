"""Expressions for annotated photographs."""
