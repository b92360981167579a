"""Referring image segmentation: a photograph and a phrase in, the mask of what the phrase refers to out."""

from importlib.metadata import version

__version__ = version("asgn")
