"""A trained model put to use: photographs and phrases in, masks out."""
