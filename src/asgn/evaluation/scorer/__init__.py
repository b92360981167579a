"""Anybody's masks scored, under one protocol or several."""
