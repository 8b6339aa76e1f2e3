"""fommvg: video generation in motion space.

Data flows through the modules in this order: `config`, `video_io`, `clips` and `synthetic`, `motion`,
`frame_generator`, `motion_generator`, `losses`, `checkpoints`, `training`, `generate`.
A module imports only from those before it.
"""

__version__ = "0.1.0"
