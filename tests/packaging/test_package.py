"""What is in the package."""

from tests.packaging.conftest import Built


def test_the_package_holds_the_code_and_its_libraries_but_neither_sdk_nor_sandbox(built: Built) -> None:
    shipped = {path.name for path in built.layer.iterdir()}

    assert {"responder", "aws_lambda_powertools", "jsonschema"} <= shipped
    assert not {"boto3", "botocore", "sandbox", "moto"} & shipped
