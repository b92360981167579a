"""Images, referring expressions and masks, read from every supported source."""
