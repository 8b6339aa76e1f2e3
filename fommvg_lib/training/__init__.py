"""Training: one engine, and one recipe for each thing that trains."""
