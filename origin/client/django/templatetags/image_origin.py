"""`{% load image_origin %}`: the tags `img`, `picture`, `image_url` and `image_srcset`.

Arguments are those of `Images`; lists are texts: `widths="300,600"`. The file of a model stands for the key
that is its name in the storage.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.core.files.base import File
from django.utils.functional import Promise

from origin.client.django import get_images
from origin.client.html import Html

register = template.Library()


def img(key: str | File, **arguments: Any) -> Html:
    """An `<img>`."""
    return get_images().img(_key_of(key), **_translated(arguments))


def picture(key: str | File, **arguments: Any) -> Html:
    """A `<picture>`."""
    return get_images().picture(_key_of(key), **_translated(arguments))


def image_url(key: str | File, **arguments: Any) -> str:
    """The URL alone."""
    return get_images().url(_key_of(key), **arguments)


def image_srcset(key: str | File, **arguments: Any) -> str:
    """The text of a `srcset` attribute."""
    return get_images().srcset(_key_of(key), **arguments)


def _key_of(key: str | File) -> str:
    """The key itself, or the name of a file. One that is not there is an empty key, which is refused."""
    return key.name or "" if isinstance(key, File) else key


def _translated(arguments: dict[str, Any]) -> dict[str, Any]:
    """With the texts of those that wait for their language, as `alt=_("A cat")` does."""
    return {name: str(value) if isinstance(value, Promise) else value for name, value in arguments.items()}


for tag in (img, picture, image_url, image_srcset):
    register.simple_tag(tag)
