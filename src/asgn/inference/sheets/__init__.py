"""Many images and phrases from one file, resumable."""
