"""What the viewer shows of the current case: layouts, hanging, second screen, measurements."""
