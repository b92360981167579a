"""Batches for training: order, augmentation, packed data."""
