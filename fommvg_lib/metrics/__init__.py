"""Metrics: how far generated motion and video are from real ones."""
