"""Jinja: `{{ img("cat.jpg", alt="A cat", w=300, h=200) }}`, and `picture`, `image_url` and `image_srcset`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from origin.client.images import Images

if TYPE_CHECKING:
    from jinja2 import Environment


def install(env: Environment, images: Images) -> None:
    """Add the functions to the templates of this environment. With autoescape on, as it should be, URLs are
    escaped like any text, and tags stay as they are."""
    env.globals.update(
        img=images.img, picture=images.picture, image_url=images.url, image_srcset=images.srcset
    )
