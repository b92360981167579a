"""The web page and the HTTP API over `Segmenter` (optional extra `app`)."""
