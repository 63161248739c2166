"""Which part of a picture is analysed: faces found are shown and picked, the crop is moved and drawn by hand."""
