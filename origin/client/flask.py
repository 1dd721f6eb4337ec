"""Flask: `ImageOrigin(app)` reads `app.config["IMAGE_ORIGIN"]` and adds to templates what `jinja` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from origin.client.images import Images
from origin.client.jinja import install
from origin.client.settings import SETTING
from origin.client.settings import read_settings

if TYPE_CHECKING:
    from flask import Flask

EXTENSION = "image_origin"


class ImageOrigin:
    """The extension. Without an app, call `init_app` once there is one.

    Code finds the `Images` of an app as `app.extensions["image_origin"]`. Raises ValueError for a wrong
    setting.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> Images:
        """Read the setting, and add the functions to the templates of this app."""
        images = read_settings(app.config.get(SETTING))
        app.extensions[EXTENSION] = images
        install(app.jinja_env, images)
        return images
