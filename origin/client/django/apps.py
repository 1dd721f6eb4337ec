"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig

from origin.client.django import get_images


class ImageOriginConfig(AppConfig):  # type: ignore[misc]
    """A wrong setting stops the start."""

    name = "origin.client.django"
    label = "image_origin"
    verbose_name = "Image origin"

    def ready(self) -> None:
        get_images()
