//! The AWS resource that a subsegment has called.

use super::attributes::Attributes;
use crate::json::Object;

/// The fields of `aws` that describe the sender. They are in the resource.
const OF_SENDER: [&str; 6] = ["cloudwatch_logs", "ec2", "ecs", "eks", "elastic_beanstalk", "xray"];

pub(super) fn write<'t>(segment: &'t Object<'t>, out: &mut Attributes<'_, 't>) {
    let Some(aws) = segment.object("aws") else { return };
    for (field, value) in aws.fields().filter(|(field, _)| !OF_SENDER.contains(field)) {
        match (field, value.text()) {
            ("retries", _) => {}
            ("table_names", _) => out.push("aws.dynamodb.table_names", value),
            // Some senders write account ids as numbers.
            (
                "account_id" | "operation" | "region" | "request_id" | "queue_url" | "table_name",
                Some(text),
            ) => {
                out.push(format!("aws.{field}"), &*text);
            }
            _ => out.push(format!("aws.{field}"), value),
        }
    }
    if let Some(retries) = aws.int("retries") {
        out.push("aws.xray.retries", retries);
    }
    let xray = aws.object("xray");
    let rule = xray.and_then(|xray| xray.text("rule_name").or_else(|| xray.text("sampling_rule_name")));
    out.text("aws.xray.sampling_rule_name", rule);
}
