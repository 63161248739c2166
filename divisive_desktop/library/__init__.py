"""Model files: safetensors and card, integrity, versions. Reading cards needs no torch."""
