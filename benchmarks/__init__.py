"""What tfxdr costs: `python -m benchmarks`, and a script for each question."""
