"""URLs and tags of pictures, for applications. It needs the base install alone.

    >>> images = Images("https://img.example.com", "photos")
    >>> images.url("cat.jpg", w=300, f="webp")
    'https://img.example.com/photos/cat.jpg?w=300&f=webp'
    >>> images.img("cat.jpg", alt="A cat", widths=[300], sizes="100vw")
    '<img src="https://img.example.com/photos/cat.jpg?w=300" srcset="https://img.example.com/photos/cat.jpg?w=300 300w" sizes="100vw" alt="A cat" loading="lazy">'

`origin.client.jinja`, `origin.client.django` and `origin.client.flask` bring the same into templates.
"""  # noqa: E501

from __future__ import annotations

from origin.client.html import Html
from origin.client.images import Images

__all__ = ["Html", "Images"]
