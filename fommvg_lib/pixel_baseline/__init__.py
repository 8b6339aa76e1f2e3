"""Baselines that make pixels, not motion: CVI and FRGAN."""
