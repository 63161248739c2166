"""What leaves the program case by case: JSON, a picture of the view, the clipboard."""
