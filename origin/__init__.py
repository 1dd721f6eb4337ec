"""An image origin for CDNs: originals from S3, rendered with libvips, cached on disk.

`origin.signing` needs the standard library and itsdangerous alone; everything else needs the
`server` extra.
"""

__version__ = "0.1.0"
