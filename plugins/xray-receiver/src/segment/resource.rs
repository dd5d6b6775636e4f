//! The sender of a document: its service, its platform, and its SDK.

use std::borrow::Cow;

use spanloom_plugin::wire::writer::array;

use super::attributes::Attributes;
use super::{cause, stack};
use crate::json::Object;

/// The values of `origin`, with those of `cloud.platform` and `aws.ecs.launchtype`.
const ORIGINS: [(&str, &str, &str); 9] = [
    ("AWS::AppRunner::Service", "aws_app_runner", ""),
    ("AWS::EC2::Instance", "aws_ec2", ""),
    ("AWS::ECS::Container", "aws_ecs", ""),
    ("AWS::ECS::EC2", "aws_ecs", "ec2"),
    ("AWS::ECS::Fargate", "aws_ecs", "fargate"),
    ("AWS::EKS::Container", "aws_eks", ""),
    ("AWS::ElasticBeanstalk::Environment", "aws_elastic_beanstalk", ""),
    ("AWS::Lambda", "aws_lambda", ""),
    ("AWS::Lambda::Function", "aws_lambda", ""),
];

/// The objects of `aws` about a platform, and the values of `cloud.platform` if there is no `origin`.
const PLATFORMS: [(&str, &str); 4] = [
    ("elastic_beanstalk", "aws_elastic_beanstalk"),
    ("eks", "aws_eks"),
    ("ecs", "aws_ecs"),
    ("ec2", "aws_ec2"),
];

/// Objects of `aws`, their fields, and the attributes of the resource.
const FIELDS: [(&str, &str, &str); 18] = [
    ("ec2", "instance_id", "host.id"),
    ("ec2", "availability_zone", "cloud.availability_zone"),
    ("ec2", "instance_size", "host.type"),
    ("ec2", "ami_id", "host.image.id"),
    ("ecs", "container", "container.name"),
    ("ecs", "container_id", "container.id"),
    ("ecs", "availability_zone", "cloud.availability_zone"),
    ("ecs", "task_arn", "aws.ecs.task.arn"),
    ("ecs", "task_family", "aws.ecs.task.family"),
    ("ecs", "cluster_arn", "aws.ecs.cluster.arn"),
    ("ecs", "container_arn", "aws.ecs.container.arn"),
    ("ecs", "launch_type", "aws.ecs.launchtype"),
    ("elastic_beanstalk", "environment_name", "service.namespace"),
    ("elastic_beanstalk", "deployment_id", "service.instance.id"),
    ("elastic_beanstalk", "version_label", "service.version"),
    ("eks", "cluster_name", "k8s.cluster.name"),
    ("eks", "pod", "k8s.pod.name"),
    ("eks", "container_id", "container.id"),
];

pub(super) fn write<'t>(document: &'t Object<'t>, is_segment: bool, out: &mut Attributes<'_, 't>) {
    out.text("service.name", document.text("name"));
    if let Some(service) = document.object("service") {
        out.text("service.version", service.text("version"));
        out.text("process.runtime.name", service.text("runtime"));
        out.text("process.runtime.version", service.text("runtime_version"));
    }
    out.text("aws.xray.resource_arn", document.text("resource_arn"));
    let aws = document.object("aws");
    let is_in_aws = document.text("origin").is_some() || is_about_aws(document);
    out.push("cloud.provider", if is_in_aws { "aws" } else { "unknown" });
    let origin = document.text("origin");
    if let Some(aws) = aws {
        // In a subsegment, it is the account of the called resource.
        out.text("cloud.account.id", aws.text("account_id").filter(|_| is_segment));
        for (object, field, key) in FIELDS {
            out.text(key, aws.object(object).and_then(|object| object.text(field)));
        }
        write_log_groups(aws, out);
    }
    write_platform(origin.as_deref(), aws, out);
    write_sdk(document, aws, out);
}

/// Returns whether `cloud.platform` does not say which of several origins it was.
fn is_lossy(platform: &str) -> bool {
    platform == "aws_lambda"
}

/// Returns whether the document, or a subsegment in it, has `aws`.
fn is_about_aws(segment: &Object<'_>) -> bool {
    segment.object("aws").is_some() || segment.objects("subsegments").any(is_about_aws)
}

fn write_platform<'t>(origin: Option<&str>, aws: Option<&'t Object<'t>>, out: &mut Attributes<'_, 't>) {
    let of_origin = ORIGINS.iter().find(|(known, ..)| origin == Some(*known));
    if let Some((_, platform, launch_type)) = of_origin {
        out.push("cloud.platform", *platform);
        if !launch_type.is_empty() {
            out.push("aws.ecs.launchtype", *launch_type);
        }
        if !is_lossy(platform) {
            return;
        }
    }
    if let Some(origin) = origin {
        out.push("aws.xray.origin", origin);
    }
    let told = |(object, _): &&(&str, &str)| aws.is_some_and(|aws| aws.object(object).is_some());
    if let Some((_, platform)) = PLATFORMS.iter().find(told) {
        out.push("cloud.platform", *platform);
    }
}

fn write_log_groups<'t>(aws: &'t Object<'t>, out: &mut Attributes<'_, 't>) {
    for (field, key) in [("arn", "aws.log.group.arns"), ("log_group", "aws.log.group.names")] {
        let mut texts = aws.objects("cloudwatch_logs").filter_map(|group| group.text(field)).peekable();
        if texts.peek().is_some() {
            out.push(
                key,
                array(|out| {
                    texts.for_each(|text| {
                        out.push(&*text);
                    });
                }),
            );
        }
    }
}

/// Writes the SDK: `X-Ray for Python` has a language, and keeps its name.
fn write_sdk<'t>(document: &'t Object<'t>, aws: Option<&'t Object<'t>>, out: &mut Attributes<'_, 't>) {
    let xray = aws.and_then(|aws| aws.object("xray"));
    out.text("telemetry.sdk.name", xray.and_then(|xray| xray.text("sdk")));
    out.text("telemetry.sdk.version", xray.and_then(|xray| xray.text("sdk_version")));
    let language = stack::language(document);
    if language.is_some() || cause::has_stack(document) {
        out.text("telemetry.sdk.language", Some(language.unwrap_or(Cow::Borrowed(stack::DEFAULT))));
    }
}
