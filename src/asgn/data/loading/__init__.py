"""Batches for training: order, augmentation, packed files."""
