"""Fine-tuning in the window: choose, watch, judge, keep; its pages are imported when they are asked for."""
