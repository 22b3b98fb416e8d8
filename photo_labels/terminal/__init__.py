"""What all commands share of the terminal: exit codes, questions, signals, tables."""
