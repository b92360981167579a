"""What a phrase found in an image, and its files and pictures."""
