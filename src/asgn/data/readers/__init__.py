"""One reader for each data set's own format."""
