"""Drawn scenes with exact masks and expressions."""
