"""What the window works on: cases, the casebook, analyses, settings. QtCore only, no widgets."""
