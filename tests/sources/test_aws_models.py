"""What is left of botocore's models says the same of the services that are asked."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver

from origin.sources.aws_models import make_loader


def without_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if name == "documentation" and isinstance(each, str) else without_text(each)
            for name, each in value.items()
        }
    return [without_text(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", ["s3", "sqs", "cloudfront"])
def test_the_model_is_botocores_without_its_documentation(service: str) -> None:
    for name in ("service-2", "paginators-1", "endpoint-rule-set-1"):
        full = create_loader().load_service_model(service, name)
        assert make_loader().load_service_model(service, name) == without_text(full)


def test_what_is_waited_for_is_that_of_botocore() -> None:
    for service in ("s3", "cloudfront"):
        full = create_loader().load_service_model(service, "waiters-2")
        assert make_loader().load_service_model(service, "waiters-2") == full


@pytest.mark.parametrize("type_name", ["service-2", "paginators-1", "waiters-2", "examples-1", "no-such-1"])
def test_the_services_that_it_knows_are_those_of_botocore(type_name: str) -> None:
    ours = make_loader().list_available_services(type_name)
    known = {"cloudfront", "s3", "signin", "sqs", "sso", "sso-oidc", "sts"}
    assert ours == [name for name in create_loader().list_available_services(type_name) if name in known]


def test_another_service_is_unknown_and_not_half_there() -> None:
    with pytest.raises(UnknownServiceError, match="ec2"):
        make_loader().load_service_model("ec2", "service-2")


def test_what_is_asked_and_who_gives_credentials_are_where_they_were() -> None:
    full = EndpointResolver(create_loader().load_data("endpoints"))
    ours = EndpointResolver(make_loader().load_data("endpoints"))
    regions = [
        region
        for partition in full.get_available_partitions()
        for region in (
            *full.get_available_endpoints("s3", partition, allow_non_regional=True),
            *full.get_available_endpoints("sts", partition, allow_non_regional=True),
            *full.get_available_endpoints("cloudfront", partition, allow_non_regional=True),
        )
    ]
    assert len(regions) > 60
    for region in [*regions, "eu-nowhere-7"]:
        for service in ("s3", "sqs", "cloudfront", "sts", "portal.sso", "oidc"):
            expected = full.construct_endpoint(service, region)
            assert ours.construct_endpoint(service, region) == expected, (service, region)
