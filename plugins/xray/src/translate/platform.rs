//! Writes the fields of `aws` about the platform of the sender.

use spanloom_plugin::flat::Attributes;
use spanloom_plugin::json::Writer;

use super::resource::text;
use super::{Rules, fields};
use crate::document::Detail;

/// Returns the fields as JSON without the braces around them, or `None` if the sender says that it runs
/// outside AWS.
pub(crate) fn fields(attributes: &Attributes<'_>, rules: &Rules, detail: Detail) -> Option<Writer> {
    if text(attributes, "cloud.provider").is_some_and(|provider| provider != "aws") {
        return None;
    }
    let platform =
        Platform { attributes, name: text(attributes, "cloud.platform").unwrap_or_default(), detail };
    let mut json = Writer::embedded();
    platform.elastic_beanstalk(&mut json);
    platform.log_groups(&mut json, &rules.log_groups);
    platform.ecs(&mut json);
    platform.ec2(&mut json);
    platform.eks(&mut json);
    platform.sdk(&mut json);
    Some(json)
}

struct Platform<'a, 'b> {
    attributes: &'b Attributes<'a>,
    /// The value of `cloud.platform`.
    name: &'a str,
    detail: Detail,
}

impl<'a> Platform<'a, '_> {
    fn text(&self, key: &str) -> Option<&'a str> {
        text(self.attributes, key)
    }

    /// Writes an object with the fields whose attributes are present.
    fn object(&self, json: &mut Writer, key: &str, fields: &[(&str, &str)]) {
        json.key(key).object(|json| {
            for (field, attribute) in fields {
                self.detail.text(json, field, self.text(attribute));
            }
        });
    }

    fn elastic_beanstalk(&self, json: &mut Writer) {
        let Some(deployment) =
            self.text("service.instance.id").filter(|_| self.name == "aws_elastic_beanstalk")
        else {
            return;
        };
        json.key("elastic_beanstalk").object(|json| {
            self.detail.text(json, "environment_name", self.text("service.namespace"));
            self.detail.text(json, "version_label", self.text("service.version"));
            json.field("deployment_id", deployment.parse::<i64>().unwrap_or_default());
        });
    }

    fn ecs(&self, json: &mut Writer) {
        if self.name == "aws_ecs" {
            let fields = [
                ("container", "container.name"),
                ("container_id", "container.id"),
                ("task_arn", "aws.ecs.task.arn"),
                ("task_family", "aws.ecs.task.family"),
                ("cluster_arn", "aws.ecs.cluster.arn"),
                ("container_arn", "aws.ecs.container.arn"),
                ("availability_zone", "cloud.availability_zone"),
                ("launch_type", "aws.ecs.launchtype"),
            ];
            self.object(json, "ecs", &fields);
        }
    }

    fn ec2(&self, json: &mut Writer) {
        if self.name == "aws_ec2" || self.text("host.id").is_some() {
            let fields = [
                ("instance_id", "host.id"),
                ("availability_zone", "cloud.availability_zone"),
                ("instance_size", "host.type"),
                ("ami_id", "host.image.id"),
            ];
            self.object(json, "ec2", &fields);
        }
    }

    fn eks(&self, json: &mut Writer) {
        if self.name == "aws_eks" || self.text("k8s.cluster.name").is_some() {
            let fields = [
                ("cluster_name", "k8s.cluster.name"),
                ("pod", "k8s.pod.name"),
                ("container_id", "container.id"),
            ];
            self.object(json, "eks", &fields);
        }
    }

    /// Writes the SDK. X-Ray's own SDKs have names like `X-Ray for Go`; those of OpenTelemetry become
    /// `opentelemetry for go`.
    fn sdk(&self, json: &mut Writer) {
        let language = self.text("telemetry.sdk.language");
        let name = self.text("telemetry.sdk.name").map(|name| match language {
            Some(language) if !name.contains(" for ") => format!("{name} for {language}"),
            _ => name.to_owned(),
        });
        let automatic = ["telemetry.auto.version", "telemetry.distro.version"];
        json.key("xray").object(|json| {
            self.detail.text(json, "sdk", name.as_deref());
            self.detail.text(json, "sdk_version", self.text("telemetry.sdk.version"));
            json.field("auto_instrumentation", automatic.iter().any(|key| self.text(key).is_some()));
        });
    }

    /// Writes log groups: the ARNs if there are any, otherwise the names, otherwise those of the config.
    fn log_groups(&self, json: &mut Writer, of_config: &[String]) {
        let list = |key| self.attributes.clone().find_key(key).map(fields::texts).unwrap_or_default();
        let arns = list("aws.log.group.arns");
        let names = list("aws.log.group.names");
        let names = if names.is_empty() { of_config } else { &names };
        if arns.is_empty() && names.is_empty() {
            return;
        }
        json.key("cloudwatch_logs").array(|json| {
            for arn in arns.iter().take(self.detail.items) {
                json.object(|json| {
                    self.detail.text(json, "log_group", Some(name_in_arn(arn)));
                    self.detail.text(json, "arn", Some(arn));
                });
            }
            let names = if arns.is_empty() { names } else { &[] };
            for name in names.iter().take(self.detail.items) {
                json.object(|json| self.detail.text(json, "log_group", Some(name)));
            }
        });
    }
}

/// Returns the seventh field of `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`.
fn name_in_arn(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}
