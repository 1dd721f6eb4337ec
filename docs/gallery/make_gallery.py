"""Makes docs/gallery.md and its pictures: every option, as it is rendered.

Run `python -m docs.gallery.make_gallery`; it takes some seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

from docs.gallery.examples import CONFIG
from docs.gallery.examples import EXAMPLES
from docs.gallery.examples import UNSEEN
from docs.gallery.examples import Example
from origin.config.load import build_config
from origin.delivery.settings import RenderSettings
from origin.delivery.watermarks import load_watermarks
from origin.formats import Format
from origin.imaging import pipeline
from origin.imaging import watermark
from origin.urls.options import OPTIONS
from origin.urls.options import Option
from origin.urls.parsing import parse_options
from origin.urls.query import decode_query

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "origin" / "pages" / "pictures"
PAGE = ROOT / "docs" / "gallery.md"
FOLDER = ROOT / "docs" / "gallery"

_HANDLER = {
    "name": "demo",
    "source": {"type": "local", "root": "."},
    "output_format": "webp",
    "quality": {"webp": 70, "jpg": 70},
}
_INTRODUCTION = """# Gallery

Every [option](urls.md#options), as it is rendered: pictures of `origin demo`, by a handler with
`"output_format": "webp"`. `python -m docs.gallery.make_gallery` makes this page. It uses these presets and
watermarks:

```json
{
  "presets": {"square": {"w": 160, "h": 160}, "marked": {"wm": "logo"}},
  "watermarks": {
    "logo": {"picture": "logo.png", "size": 0.3, "margin": 0.04},
    "tiles": {"picture": "logo.png", "size": 0.15, "tile": true, "margin": 0.1, "opacity": 0.5}
  }
}
```
"""


class Renderer:
    """Renders as an origin with the gallery's configuration does, in this process."""

    def __init__(self) -> None:
        config = build_config({"handlers": [_HANDLER], **CONFIG}, base=PICTURES)
        [handler] = config.handlers
        limits = config.limits.within(handler.limits)
        self._defaults = config.option_defaults(handler)
        self._settings = RenderSettings(
            quality=handler.quality,
            allowed=tuple(format.name for format in handler.allowed_formats),
            max_pixels=limits.max_original_pixels,
            max_frames=limits.max_frames,
            timeout=limits.render_timeout,
            max_dimension=limits.max_dimension,
            watermarks=load_watermarks(config.watermarks),
        )
        for each in self._settings.watermarks.values():
            watermark.keep(each.digest, each.picture)

    def render(self, example: Example) -> pipeline.Rendered:
        options = parse_options(decode_query(example.query.encode()), self._defaults)
        original = (PICTURES / example.picture).read_bytes()
        return pipeline.render(original, self._settings.job(options, options.format))


def main() -> None:
    renderer = Renderer()
    for old in (path for path in FOLDER.iterdir() if path.suffix not in (".py", "")):
        old.unlink()
    for option in OPTIONS:
        for example in EXAMPLES.get(option.name, ()):
            rendered = renderer.render(example)
            (FOLDER / file_name(example, Format.named(rendered.format.name))).write_bytes(rendered.body)
    PAGE.write_text(write_page(), encoding="utf-8")


def file_name(example: Example, format: Format) -> str:
    stem = example.picture.partition(".")[0]
    return f"{stem}-{re.sub(r'[^A-Za-z0-9.]+', '-', example.query)}.{format.name}"


def find_picture(example: Example) -> Path:
    """The file of an example, whose format is told by its ending."""
    start = file_name(example, Format.PNG).removesuffix("png")
    [path] = [path for path in FOLDER.iterdir() if path.name.startswith(start) and path.stem + "." == start]
    return path


def write_page() -> str:
    """The text of the page, from the examples and the sizes of their pictures."""
    return "\n".join([_INTRODUCTION, *(line for option in OPTIONS for line in _write_section(option))])


def _write_section(option: Option) -> Iterator[str]:
    alias = f", `{option.alias}`" if option.alias else ""
    yield f"## `{option.name}`{alias}\n"
    yield f"{option.meaning[0].upper()}{option.meaning[1:]}.\n"
    if option.name in UNSEEN:
        yield f"{UNSEEN[option.name]}\n"
        return
    examples = EXAMPLES[option.name]
    paths = [find_picture(example) for example in examples]
    sizes = [path.stat().st_size for path in paths]
    yield _row(f"`{example.query}`" for example in examples)
    yield f"|{'---|' * len(examples)}"
    yield _row(
        f"![{example.picture} with {example.query}](gallery/{path.name})"
        for example, path in zip(examples, paths, strict=True)
    )
    yield _row(f"{size / 1000:.1f} kB" for size in sizes) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
