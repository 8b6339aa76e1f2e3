"""The command line: one file for each group of commands, `options.py` for what they share."""
