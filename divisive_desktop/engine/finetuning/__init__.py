"""Fine-tuning in the engine process: what is asked, what it works on, the run and what came of it."""
