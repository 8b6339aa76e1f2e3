"""FRGAN: forecasting and refining residual motion (Zhao et al., ECCV 2018)."""
