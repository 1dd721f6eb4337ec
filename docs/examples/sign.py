"""Signed URLs from Python: ORIGIN_KEY=... python sign.py"""

import os

from origin.signing import UrlSigner

signer = UrlSigner("https://img.example.com", "photos", [os.environ["ORIGIN_KEY"]])

# One picture, for a day.
print(signer.url("cat.jpg", w=300, f="webp", expires_in=86400))

# The text of a srcset attribute. Each URL in it has its own token.
print(signer.srcset("cat.jpg", widths=[300, 600, 1200], f="webp"))

# One grant for every URL within these bounds.
grant = signer.grant("users/42/*", w={"min": 1, "max": 1600}, f=["webp", "jpg"], expires_in=3600)
print(signer.url("users/42/cat.jpg", w=800, f="jpg", grant=grant))
