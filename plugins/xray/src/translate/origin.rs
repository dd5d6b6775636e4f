//! Names the AWS resource type that a segment's service runs on.

use spanloom_plugin::flat::Attributes;

use super::resource::text;

/// Returns the type, or `None` outside AWS and on platforms that X-Ray has no name for.
pub(crate) fn of<'a>(attributes: &Attributes<'a>) -> Option<&'a str> {
    if text(attributes, "cloud.provider").is_some_and(|provider| provider != "aws") {
        return None;
    }
    // The `awsxray` receiver has read it in a segment.
    if let Some(origin) = text(attributes, "aws.xray.origin").filter(|origin| origin.starts_with("AWS::")) {
        return Some(origin);
    }
    match text(attributes, "cloud.platform")? {
        "aws_app_runner" => Some("AWS::AppRunner::Service"),
        "aws_eks" => Some("AWS::EKS::Container"),
        "aws_elastic_beanstalk" => Some("AWS::ElasticBeanstalk::Environment"),
        "aws_ecs" => Some(match text(attributes, "aws.ecs.launchtype") {
            Some("ec2") => "AWS::ECS::EC2",
            Some("fargate") => "AWS::ECS::Fargate",
            _ => "AWS::ECS::Container",
        }),
        "aws_ec2" => Some("AWS::EC2::Instance"),
        _ => None,
    }
}
