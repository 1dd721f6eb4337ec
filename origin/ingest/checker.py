"""A picture that came is decoded in a render process before anything is stored."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from dataclasses import replace

from origin.delivery.admission import FetchAdmission
from origin.errors import EncodingFailed
from origin.errors import OriginError
from origin.errors import Overloaded
from origin.errors import RenderFailed
from origin.errors import RenderStarved
from origin.errors import RenderTimeout
from origin.errors import TooLarge
from origin.errors import Unprocessable
from origin.errors import Unsupported
from origin.errors import UnsupportedFormat
from origin.formats import Format
from origin.formats import refusal
from origin.formats import sniff
from origin.imaging.protocol import Job
from origin.ingest.settings import WriteSettings
from origin.render.pool import Rendered
from origin.render.pool import RenderPool

_PLACES = " (uploads)"  # those that wait take no place from the fetches of their handler
TRIES = 2  # a renderer may have ended for reasons that lie outside of the picture


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A picture that may be stored: its bytes put in order, and its sides as it is seen, in pixels."""

    body: bytes
    sent: Format
    format: Format
    width: int
    height: int
    is_changed: bool  # whether the bytes are others than those sent


class PictureChecker:
    """`name` stands for the handler in the queue for renderers and for memory."""

    def __init__(
        self, name: str, pool: RenderPool, admission: FetchAdmission, settings: WriteSettings
    ) -> None:
        self._name = name
        self._pool = pool
        self._admission = admission
        self._settings = settings

    @contextlib.asynccontextmanager
    async def memory(self, size: int) -> AsyncIterator[None]:
        """Memory for a body of so many bytes, and for what becomes of it. Raises Overloaded."""
        async with self._admission.place(self._name + _PLACES) as reserve:
            await reserve(2 * size)
            yield

    async def check(self, body: bytes, formats: tuple[str, ...] | None = None) -> CheckedPicture:
        """Decode it, and put it in order. `formats`: those that a grant permits.

        Raises Unsupported, TooLarge and Overloaded.
        """
        accept = self._settings.accept
        if formats is not None:
            accept = tuple(name for name in accept if name in formats)
        sent = sniff(body)
        if sent is None or sent.name not in accept:
            raise Unsupported(f"{refusal(body)}; accepted are {', '.join(accept) or 'none'}")
        if len(body) > self._settings.limits.max_bytes:
            raise TooLarge(f"a picture may have {self._settings.limits.max_bytes} bytes")
        job, timeout = self._settings.job(accept), self._settings.limits.timeout
        rendered = await render_what_comes_in(self._pool, body, job, timeout, self._name)
        assert isinstance(rendered.format, Format)
        changed = rendered.body != body
        return CheckedPicture(rendered.body, sent, rendered.format, rendered.width, rendered.height, changed)

    async def measure(self, body: bytes) -> tuple[Format, int, int]:
        """Format, width and height of a stored picture, as it is seen. Raises Unsupported and Overloaded."""
        format = sniff(body)
        if format is None:
            raise Unsupported("what is stored there is no picture")
        job = replace(self._settings.job((format.name,)), format="json", normalisation=None)
        timeout = self._settings.limits.timeout
        rendered = await render_what_comes_in(self._pool, body, job, timeout, self._name)
        return format, rendered.width, rendered.height


async def render_what_comes_in(
    pool: RenderPool, body: bytes, job: Job, timeout: float, handler: str
) -> Rendered:
    """The result of a job on a picture that comes in. Raises Unsupported, BadRequest and Overloaded."""
    tries = TRIES
    while True:
        try:
            return await pool.render(body, job, timeout, handler=handler)
        except (Unprocessable, UnsupportedFormat) as error:
            raise Unsupported(_why_refused(body, error)) from error
        except RenderStarved as error:
            raise Overloaded(str(error)) from error
        except (RenderTimeout, EncodingFailed) as error:
            raise Unsupported("the picture takes more than this origin gives to one") from error
        except RenderFailed as error:
            tries -= 1
            if not tries:
                raise Unsupported("the picture cannot be decoded") from error


def _why_refused(body: bytes, error: OriginError) -> str:
    if isinstance(error, UnsupportedFormat) and sniff(body) is Format.SVG:
        return "the SVG cannot be made safe: it is damaged, too large, or uses entities"
    return "the picture is damaged, or over a limit of this origin"
