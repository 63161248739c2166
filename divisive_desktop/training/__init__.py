"""Losses, data set, fine-tune loop, evaluation, calibration, studies. A torch room."""
