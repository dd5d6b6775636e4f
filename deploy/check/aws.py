"""aws.py FOLDER: the task definition and the policies of deploy/aws, read by AWS's own model and by moto's IAM and ECS."""

import json
import os
import pathlib
import sys

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402

folder = pathlib.Path(sys.argv[1])
read = lambda name: json.loads((folder / name).read_text())


@mock_aws
def main():
    # botocore refuses keys and types that ECS does not have.
    task = boto3.client("ecs").register_task_definition(**read("task-definition.json"))["taskDefinition"]
    names = [container["name"] for container in task["containerDefinitions"]]
    print(f"ECS takes the task definition: {names}")

    iam = boto3.client("iam")
    trust = read("trust-policy.json")
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=json.dumps(trust))
    for name in ["task-policy.json", "execution-policy.json"]:
        policy = read(name)
        iam.create_policy(PolicyName=name.removesuffix(".json"), PolicyDocument=json.dumps(policy))
        for statement in policy["Statement"]:
            for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
                service, operation = action.split(":")
                operations = boto3.client(service).meta.service_model.operation_names
                # BatchCheckLayerAvailability, BatchGetImage … are operations of the API by the same name.
                assert operation in operations, f"{name}: {service} has no operation {operation}"
        print(f"IAM takes {name}")


main()
