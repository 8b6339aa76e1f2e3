"""One file for each thing that trains. Besides `generate`, the only place where families meet."""
