"""An origin that accepts JSON Web Tokens instead of its own tokens: uvicorn --no-access-log verify:app"""

import os

import jwt  # PyJWT
from starlette.requests import Request

from origin.app import create_app


def verify(token: str, request: Request) -> bool | int:
    """A token names one path, which it opens in every size."""
    try:
        # Accept one algorithm only. With a free choice, an attacker could use a public key as an HMAC secret.
        claims = jwt.decode(
            token, os.environ["JWT_KEY"], algorithms=["HS256"], options={"require": ["exp", "path"]}
        )
    except jwt.InvalidTokenError:
        return False
    # `scope["path"]` is the decoded path; `request.url.path` is percent-encoded.
    return int(claims["exp"]) if claims["path"] == request.scope["path"] else False


app = create_app("config.json", verify=verify)
