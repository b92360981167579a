"""Why this answer: the words, the regions, the word that would decide."""
