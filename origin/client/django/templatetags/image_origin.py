"""`{% load image_origin %}`: the tags `img`, `picture`, `image_url` and `image_srcset`.

Arguments are those of `Images`; lists are texts: `widths="300,600"`.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.functional import Promise

from origin.client.django import get_images
from origin.client.html import Html

register = template.Library()


def img(key: str, **arguments: Any) -> Html:
    """An `<img>`."""
    return get_images().img(key, **_translated(arguments))


def picture(key: str, **arguments: Any) -> Html:
    """A `<picture>`."""
    return get_images().picture(key, **_translated(arguments))


def image_url(key: str, **arguments: Any) -> str:
    """The URL alone."""
    return get_images().url(key, **arguments)


def image_srcset(key: str, **arguments: Any) -> str:
    """The text of a `srcset` attribute."""
    return get_images().srcset(key, **arguments)


def _translated(arguments: dict[str, Any]) -> dict[str, Any]:
    """With the texts of those that wait for their language, as `alt=_("A cat")` does."""
    return {name: str(value) if isinstance(value, Promise) else value for name, value in arguments.items()}


for tag in (img, picture, image_url, image_srcset):
    register.simple_tag(tag)
