"""Django: put `origin.client.django` into INSTALLED_APPS, and set IMAGE_ORIGIN.

    {% load image_origin %}
    {% img "cat.jpg" w=300 h=200 alt="A cat" %}

Code gets the same `Images` from `get_images`.
"""

from __future__ import annotations

import functools
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from origin.client.images import Images
from origin.client.settings import SETTING
from origin.client.settings import read_settings


@functools.cache
def get_images() -> Images:
    """What the setting describes. Raises ImproperlyConfigured."""
    try:
        return read_settings(getattr(settings, SETTING, None))
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def _forget(*, setting: str, **_: Any) -> None:
    if setting == SETTING:
        get_images.cache_clear()


setting_changed.connect(_forget)  # a test overrides it
