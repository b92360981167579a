"""Reproduction of the paper: published numbers, the composition root of runs, reports."""
