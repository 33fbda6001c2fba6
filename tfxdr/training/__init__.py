"""Training: stages, the loop that runs them, and what they leave behind."""
