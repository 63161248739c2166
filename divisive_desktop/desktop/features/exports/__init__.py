"""What leaves the window as a file or over the clipboard: analyses as JSON, pictures."""
