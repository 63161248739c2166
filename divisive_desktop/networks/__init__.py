"""Backbone and linear head, preprocessing, the CAM pair, one-pass analysis. A torch room."""
