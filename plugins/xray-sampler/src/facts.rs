//! What rules look at in a trace: properties of its root span and of the resource of that span.

use std::collections::BTreeMap;

use spanloom_plugin::{Number, TextColumn, TraceBatch};

/// What a condition of a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    ServiceName,
    ServiceType,
    Method,
    Path,
    Host,
    ResourceArn,
    Attribute(Box<str>),
}

/// The values of the subjects that some rules need, for each trace of a batch.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    columns: BTreeMap<Subject, Values>,
}

type Values = Vec<Option<String>>;

impl Facts {
    /// Reads the values of these subjects, unless they are there already.
    pub(crate) fn read<'a>(&mut self, traces: &TraceBatch, subjects: impl Iterator<Item = &'a Subject>) {
        for subject in subjects {
            if !self.columns.contains_key(subject) {
                self.columns.insert(subject.clone(), subject.values(traces));
            }
        }
    }

    pub(crate) fn get(&self, subject: &Subject, row: usize) -> Option<&str> {
        self.columns.get(subject)?.get(row)?.as_deref()
    }
}

impl Subject {
    fn values(&self, traces: &TraceBatch) -> Values {
        match self {
            Subject::ServiceName => owned(&traces.root_services(), traces.len(), str::to_owned),
            Subject::ServiceType => {
                let platforms = traces.resource_texts("cloud.platform").into_iter();
                platforms.map(|platform| service_type(&platform?).map(str::to_owned)).collect()
            }
            Subject::Method => methods(traces),
            Subject::Path => {
                let whole = first(traces, &["url.path"], |text| Some(text.to_owned()));
                let target = || first(traces, &["http.target"], |text| Some(without_query(text).to_owned()));
                let url = || first(traces, &["url.full", "http.url"], |url| path_of(url).map(str::to_owned));
                fill(fill(whole, target), url)
            }
            Subject::Host => {
                let name = |key: &str| first(traces, &[key], |text| Some(without_port(text).to_owned()));
                fill(fill(name("server.address"), || name("http.host")), || name("net.host.name"))
            }
            Subject::ResourceArn => {
                let keys = ["aws.ecs.container.arn", "aws.ecs.task.arn", "cloud.resource_id"].into_iter();
                let of_resource = keys.fold(vec![None; traces.len()], |values, key| {
                    fill(values, || traces.resource_texts(key))
                });
                fill(of_resource, || first(traces, &["cloud.resource_id"], |text| Some(text.to_owned())))
            }
            Subject::Attribute(key) => {
                let texts = owned(&traces.root_text(key), traces.len(), str::to_owned);
                fill(texts, || numbers(traces, key))
            }
        }
    }
}

/// Returns the methods of requests. Instrumentation calls a method `_OTHER` that it does not know.
fn methods(traces: &TraceBatch) -> Values {
    let known = |text: &str| (text != "_OTHER").then(|| text.to_owned());
    let keys = ["http.request.method", "http.method", "http.request.method_original"];
    first(traces, &keys, known)
}

/// Returns the root's first of these attributes that `read` takes.
fn first(traces: &TraceBatch, keys: &[&str], read: impl Fn(&str) -> Option<String>) -> Values {
    keys.iter().fold(vec![None; traces.len()], |values, key| {
        fill(values, || {
            let column = traces.root_text(key);
            column.dense(traces.len()).into_iter().map(|text| text.and_then(&read)).collect()
        })
    })
}

/// Returns the values, and the others where there is none. The others are not asked for if none is missing.
fn fill(values: Values, others: impl FnOnce() -> Values) -> Values {
    if values.iter().all(Option::is_some) {
        return values;
    }
    values.into_iter().zip(others()).map(|(value, other)| value.or(other)).collect()
}

fn owned(column: &TextColumn, len: usize, read: impl Fn(&str) -> String) -> Values {
    column.dense(len).into_iter().map(|text| text.map(&read)).collect()
}

fn numbers(traces: &TraceBatch, key: &str) -> Values {
    let mut values = vec![None; traces.len()];
    for (row, number) in traces.root_numbers(key).iter() {
        if let Some(value) = values.get_mut(row as usize) {
            *value = Some(match number {
                Number::Int(int) => int.to_string(),
                Number::Double(double) => double.to_string(),
                Number::Bool(bool) => bool.to_string(),
            });
        }
    }
    values
}

/// Returns X-Ray's name for a platform of OpenTelemetry's.
fn service_type(platform: &str) -> Option<&'static str> {
    Some(match platform {
        "aws_ec2" => "AWS::EC2::Instance",
        "aws_ecs" => "AWS::ECS::Container",
        "aws_eks" => "AWS::EKS::Container",
        "aws_elastic_beanstalk" => "AWS::ElasticBeanstalk::Environment",
        "aws_lambda" => "AWS::Lambda::Function",
        "aws_app_runner" => "AWS::AppRunner::Service",
        _ => return None,
    })
}

fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Returns the path of a URL, or `None` if the text has no scheme.
fn path_of(url: &str) -> Option<&str> {
    let (_, behind) = url.split_once("://")?;
    let authority_end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
    match without_query(behind.get(authority_end..)?) {
        "" => Some("/"),
        path => Some(path),
    }
}

/// Returns the host of `host:port`. An IPv6 address with a port is in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_has_no_host_and_no_query() {
        for (url, path) in [
            ("https://shop.example/cart/7?x=/y#z", Some("/cart/7")),
            ("https://shop.example", Some("/")),
            ("https://shop.example?x=/y", Some("/")),
            ("/cart", None),
            ("", None),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
        assert_eq!(without_query("/cart?x=1"), "/cart");
    }

    #[test]
    fn the_port_is_no_part_of_the_host() {
        let hosts = ["shop.example:8080", "shop.example", "[::1]:80", "::1", "[::1]", "shop:"];
        assert_eq!(
            hosts.map(without_port),
            ["shop.example", "shop.example", "[::1]", "::1", "[::1]", "shop"]
        );
    }
}
