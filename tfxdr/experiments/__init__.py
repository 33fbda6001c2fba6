"""Where a command becomes work: data, training, test, and their files."""
