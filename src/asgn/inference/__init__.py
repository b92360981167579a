"""A trained model put to use: images and phrases in, masks out."""
