"""botocore's models of the few services that are asked here, without what nobody here reads in them.

botocore keeps the documentation of each operation in memory, and where each of some 300 services is in each
region, all in ordered dictionaries: with S3, 11.5 MB. What is left here is 2.5 MB. And it looks through the
folders of all services six times before it opens one file, which is a third of the CPU that a client takes to
start. To switch both off, let `make_loader` return botocore's own loader.
"""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader
from botocore.loaders import Loader

# What `s3_client` and `aws_client` ask, and who gives credentials. Another one is where its name says,
# {service}.{region}.amazonaws.com.
_SERVICES = ("s3", "sqs", "cloudfront", "sts", "sso", "portal.sso", "oidc", "signin")
_MODELS = ("cloudfront", "s3", "signin", "sqs", "sso", "sso-oidc", "sts")  # their folders
_Dict = dict[str, Any]


class LeanFiles(JSONFileLoader):  # type: ignore[misc]  # botocore is not typed
    def load_file(self, file_path: str) -> Any:
        """What is in this file, whose name comes without its ending; None where there is none."""
        for ending, unpack in ((".json", bytes), (".json.gz", gzip.decompress)):
            with suppress(FileNotFoundError):
                return _parse(unpack(Path(file_path + ending).read_bytes()))
        return None


class LeanLoader(Loader):  # type: ignore[misc]
    FILE_LOADER_CLASS = LeanFiles

    def list_available_services(self, type_name: str) -> list[str]:
        """Those of `_MODELS` that have a file of this type, in the order of their names."""
        return [service for service in _MODELS if self._has(service, type_name)]

    def _has(self, service: str, type_name: str) -> bool:
        try:
            return bool(self.list_api_versions(service, type_name))
        except DataNotFoundError:
            return False


def make_loader() -> Loader:
    """Finds models as botocore does, and keeps them."""
    return LeanLoader()


def _parse(text: bytes) -> Any:
    return json.loads(text, object_hook=_without_text)


def _without_text(found: _Dict) -> _Dict:
    """A member of that name, which is no text, stays."""
    if isinstance(found.get("documentation"), str):
        found["documentation"] = ""
    if "services" in found and "regions" in found:  # one partition of the file `endpoints`
        services = found["services"]
        found["services"] = {name: services[name] for name in _SERVICES if name in services}
    return found
