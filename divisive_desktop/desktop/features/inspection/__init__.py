"""The inspector's own sections: verdict, important features, provenance, histogram, image, the file itself."""
