"""What a render process may still do once it has been taken over by a picture: as little as can be."""

from __future__ import annotations

import resource


def lock(memory: int) -> dict[str, bool]:
    """Lock this process down, for good. `memory`: bytes it may map beyond what it has mapped now.

    Returns which locks hold.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return {"rlimits": True, "no_new_privs": False, "landlock": False, "seccomp": False}
