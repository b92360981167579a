"""Reading images, masks and annotation files that somebody else wrote."""
