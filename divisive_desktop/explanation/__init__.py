"""CAM pair -> divergence map, important features, faithfulness and agreement scores. Pure numpy and OpenCV."""
