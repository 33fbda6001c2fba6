"""What a person reads: tables, figures, answers."""
