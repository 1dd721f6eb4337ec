"""Django's settings, which a process can have but once."""

from __future__ import annotations

import django
from django.conf import settings

IMAGE_ORIGIN = {"base_url": "https://img.example.com", "prefix": "photos"}


def set_up() -> None:
    """A site with the app of this package, and nothing else."""
    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["origin.client.django"],
            IMAGE_ORIGIN=IMAGE_ORIGIN,
            TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        )
        django.setup()
