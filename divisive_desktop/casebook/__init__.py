"""What is kept: cases, labels, masks, analyses, audit chain, in SQLite."""
