//! Writes the AWS resource that a span has called, and the platform of the sender.

use spanloom_plugin::ValueRef;
use spanloom_plugin::json::Writer;

use super::Rules;
use super::fields::{self, Fields};
use super::key::Key;
use super::resource::Resource;
use crate::document::Detail;

#[derive(Debug, Default)]
pub(crate) struct Call<'a> {
    account_id: Option<&'a str>,
    operation: Option<&'a str>,
    region: Option<&'a str>,
    request_id: Option<&'a str>,
    queue_url: Option<&'a str>,
    retries: Option<i64>,
    table_name: Option<&'a str>,
    /// Several table names, instead of one.
    table_names: Vec<String>,
}

impl<'a> Call<'a> {
    pub(crate) fn of(fields: &Fields<'a>, resource: &Resource<'a>) -> Call<'a> {
        let tables = fields.get(Key::AwsTableNames);
        let table_names = tables.map(|value| tables_of(value)).unwrap_or_default();
        Call {
            account_id: fields.text(Key::AwsAccountId).or(resource.account_id),
            operation: fields.first_text(&[Key::AwsOperation, Key::RpcMethod]),
            region: fields.text(Key::AwsRegion),
            request_id: fields.text(Key::AwsRequestId),
            queue_url: fields.first_text(&[Key::MessagingUrl, Key::AwsQueueUrl]),
            retries: fields.int(Key::XrayRetries),
            table_name: fields.text(Key::AwsTableName).filter(|_| table_names.is_empty()),
            table_names,
        }
    }

    fn write(&self, json: &mut Writer, detail: Detail) {
        detail.text(json, "account_id", self.account_id);
        detail.text(json, "operation", self.operation);
        detail.text(json, "region", self.region);
        detail.text(json, "request_id", self.request_id);
        detail.text(json, "queue_url", self.queue_url);
        if let Some(retries) = self.retries {
            json.field("retries", retries);
        }
        match self.table_names.as_slice() {
            [] => detail.text(json, "table_name", self.table_name),
            [one] => detail.text(json, "table_name", Some(one)),
            several => {
                json.key("table_names").array(|json| {
                    for name in several.iter().take(detail.items) {
                        json.string(detail.cut(name));
                    }
                });
            }
        }
    }
}

/// Writes `aws`, unless the sender runs outside AWS.
pub(crate) fn write(
    json: &mut Writer,
    resource: &Resource<'_>,
    call: Option<&Call<'_>>,
    rules: &Rules,
    detail: Detail,
) {
    let shorter;
    let platform = if detail.text_bytes == Detail::FULL.text_bytes {
        &resource.platform
    } else {
        shorter = resource.platform_in(rules, detail);
        &shorter
    };
    let Some(platform) = platform else { return };
    json.key("aws").object(|json| {
        json.append(platform);
        if let Some(call) = call {
            call.write(json, detail);
        }
    });
}

/// Returns the table names. A text is one name.
fn tables_of(value: ValueRef<'_>) -> Vec<String> {
    match value {
        ValueRef::Text(name) if !name.is_empty() => vec![name.to_owned()],
        value => fields::list(value),
    }
}
