"""Sessions of botocore, each with settings and credentials of its own, that share what is the same in all.

To register its own handlers of events and to read its models is most of the CPU that a client takes to start.
"""

from __future__ import annotations

import copy
import functools

from aiobotocore.hooks import AioHierarchicalEmitter
from aiobotocore.session import AioSession

from origin.sources.aws_models import make_loader

_MODELS = make_loader()


def make_session() -> AioSession:
    session = AioSession(event_hooks=copy.copy(_event_handlers()), include_builtin_handlers=False)
    session.register_component("data_loader", _MODELS)
    return session


@functools.cache
def _event_handlers() -> AioHierarchicalEmitter:
    """botocore's own, to be copied: who has a copy may add to it."""
    handlers = AioHierarchicalEmitter()
    AioSession(event_hooks=handlers)  # registers them there
    return handlers
