use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

use super::shop::SERVICES;

/// Sends the telemetry of a made-up shop, and reports what became of it
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct GenerateArgs {
    /// What to send
    pub signal: SignalArg,

    /// Where to send it [default: http://127.0.0.1:4317 for grpc, http://127.0.0.1:4318 for http]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// OTLP over gRPC, over HTTP in protobuf, or over HTTP in JSON
    #[arg(long, value_enum, default_value = "grpc")]
    pub protocol: Protocol,
    /// A header that is sent with every request
    #[arg(long = "header", value_name = "KEY=VALUE", value_parser = pair)]
    pub headers: Vec<(String, String)>,
    /// How the requests are compressed
    #[arg(long, value_enum, default_value = "none")]
    pub compression: Compression,
    /// How long a request may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,

    /// Spans, data points or log records a second; 0: as fast as possible
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    pub rate: u64,
    /// How long to send [default: 10s, or until --total]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// How many spans, data points or log records to send
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub total: Option<u64>,
    /// How often to report on standard error what happened since the last report [default: every 5s, what
    /// happened so far]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub every: Option<Duration>,
    /// Spans, data points or log records a request
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = count::<100_000>)]
    pub batch: usize,
    /// The number of connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count::<1_000>)]
    pub connections: usize,
    /// Requests under way at once on each connection (HTTP/1.1 opens a connection for each)
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = count::<1_000>)]
    pub concurrency: usize,

    /// Services of the shop, from the frontend inwards
    #[arg(long, value_name = "N", default_value_t = SERVICES.len(), value_parser = count::<{ SERVICES.len() }>)]
    pub services: usize,
    /// Levels of spans below one another
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = count::<64>)]
    pub depth: usize,
    /// Share of traces in which something fails
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    pub errors: Share,
    /// Share of traces in which a service is slow
    #[arg(long, value_name = "SHARE", default_value = "2%")]
    pub slow: Share,
    /// How much longer the slow service takes, in every slow trace [default: 10 to 40 times as long as usual, if the
    /// trace comes to it]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub slow_by: Option<Duration>,
    /// Share of traces with very many spans
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    pub giants: Share,
    /// How many spans those have, about
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = count::<1_000_000>)]
    pub giant_spans: usize,
    /// Share of spans that come late, roots excepted
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    pub late: Share,
    /// How much later they come; those that are due after the end are not sent
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub late_by: Duration,
    /// The spans of each trace come over all connections, in random order
    #[arg(long)]
    pub shuffle: bool,
    /// Added to every span, data point or log record; numbers and true/false are sent as such
    #[arg(long = "attribute", visible_alias = "attributes", value_name = "KEY=VALUE", value_parser = attribute)]
    pub attributes: Vec<KeyValue>,
    /// Added to every resource
    #[arg(long = "resource-attribute", visible_alias = "resource-attributes", value_name = "KEY=VALUE", value_parser = attribute)]
    pub resource_attributes: Vec<KeyValue>,
    /// Makes the same telemetry again, but for its times [default: another each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// TLS, for an endpoint written without https://
    #[arg(long)]
    pub tls: bool,
    /// No TLS: the default for an endpoint written without https://
    #[arg(long, conflicts_with = "tls")]
    pub insecure: bool,
    /// Authorities that may have signed the server's certificate (PEM), instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for a server that asks for one (PEM)
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub cert_file: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  spanloom generate traces
  spanloom generate traces --rate 10000 --duration 1m --connections 4 --errors 10%
  spanloom generate traces --slow 1% --slow-by 3s --giants 0.1% --late 1% --late-by 30s --shuffle --connections 8
  spanloom generate metrics --protocol http --total 5000 --attribute team=cart
  spanloom generate logs --endpoint https://otlp.example.com --header authorization='Bearer …'

It exits with 1 if anything failed or was rejected.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SignalArg {
    Traces,
    Metrics,
    Logs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    Grpc,
    Http,
    HttpJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    None,
    Gzip,
}

/// A share between 0 and 1, written `5%` or `0.05`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl From<SignalArg> for wire::Signal {
    fn from(signal: SignalArg) -> wire::Signal {
        match signal {
            SignalArg::Traces => wire::Signal::Traces,
            SignalArg::Metrics => wire::Signal::Metrics,
            SignalArg::Logs => wire::Signal::Logs,
        }
    }
}

impl GenerateArgs {
    /// Returns the endpoint with its scheme.
    pub(super) fn endpoint(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        match (&self.endpoint, self.protocol) {
            (Some(endpoint), _) if endpoint.contains("://") => endpoint.clone(),
            (Some(endpoint), _) => format!("{scheme}://{endpoint}"),
            (None, Protocol::Grpc) => format!("{scheme}://127.0.0.1:4317"),
            (None, _) => format!("{scheme}://127.0.0.1:4318"),
        }
    }

    /// Returns how long to send; `None` to send until `--total`.
    pub(super) fn duration(&self) -> Option<Duration> {
        match (self.duration, self.total) {
            (None, None) => Some(Duration::from_secs(10)),
            (duration, _) => duration,
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.parse::<f64>(),
        };
        match share {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Share(share)),
            _ => Err("a share is written 5% or 0.05".to_owned()),
        }
    }
}

fn count<const MAX: usize>(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count) if (1..=MAX).contains(&count) => Ok(count),
        _ => Err(format!("between 1 and {MAX}")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// Parses an attribute. A value in quotes is always a string.
fn attribute(text: &str) -> Result<KeyValue, String> {
    let (key, text) = pair(text)?;
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let value = match (quoted, text.parse(), text.parse(), text.parse()) {
        (Some(quoted), ..) => Value::StringValue(quoted.to_owned()),
        (_, Ok(flag), ..) => Value::BoolValue(flag),
        (_, _, Ok(number), _) => Value::IntValue(number),
        (.., Ok(number)) => Value::DoubleValue(number),
        _ => Value::StringValue(text),
    };
    Ok(KeyValue { key, value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: GenerateArgs,
    }

    fn parse(line: &str) -> Result<GenerateArgs, String> {
        let words = ["generate"].into_iter().chain(line.split_whitespace());
        Command::try_parse_from(words).map(|command| command.args).map_err(|error| error.to_string())
    }

    /// Scenario: endpoints are given with and without a scheme, and none.
    /// Guarantees: the endpoint has a scheme, and the default one of its protocol if none is given.
    #[test]
    fn an_endpoint_may_leave_out_its_scheme() {
        let endpoint = |line| parse(line).unwrap().endpoint();
        assert_eq!(endpoint("traces"), "http://127.0.0.1:4317");
        assert_eq!(endpoint("logs --protocol http-json"), "http://127.0.0.1:4318");
        assert_eq!(endpoint("traces --endpoint host:1 --tls"), "https://host:1");
        assert_eq!(endpoint("traces --endpoint https://host:1"), "https://host:1");
    }

    /// Scenario: a duration, a total, both or neither is given.
    /// Guarantees: without both, sending lasts ten seconds.
    #[test]
    fn it_sends_for_ten_seconds_unless_told_otherwise() {
        assert_eq!(parse("traces").unwrap().duration(), Some(Duration::from_secs(10)));
        assert_eq!(parse("traces --total 7").unwrap().duration(), None);
        assert_eq!(
            parse("traces --duration 1m --total 7").unwrap().duration(),
            Some(Duration::from_secs(60))
        );
    }

    /// Scenario: shares are given as percentages and as fractions.
    /// Guarantees: both are read, and shares outside of 0 to 1 are errors.
    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        let errors = |line| parse(line).map(|args| args.errors.0);
        assert_eq!(errors("traces --errors 5%"), Ok(0.05));
        assert_eq!(errors("traces --errors 0.5"), Ok(0.5));
        assert!(errors("traces --errors 101%").is_err());
        assert!(errors("traces --errors NaN").is_err());
    }

    /// Scenario: attributes look like booleans, numbers and texts.
    /// Guarantees: each has that type, and a quoted value is a string.
    #[test]
    fn attributes_have_the_type_that_they_look_like() {
        let value = |text| attribute(text).unwrap().value.unwrap().value.unwrap();
        assert_eq!(value("k=true"), Value::BoolValue(true));
        assert_eq!(value("k=-3"), Value::IntValue(-3));
        assert_eq!(value("k=0.5"), Value::DoubleValue(0.5));
        assert_eq!(value("k=a=b"), Value::StringValue("a=b".to_owned()));
        assert_eq!(value("k=\"3\""), Value::StringValue("3".to_owned()));
        assert!(attribute("=3").is_err());
    }

    /// Scenario: counts and durations are out of bounds.
    /// Guarantees: each is refused.
    #[test]
    fn counts_out_of_bounds_are_refused() {
        for wrong in ["--batch 0", "--services 99", "--connections 0", "--total 0", "--duration 0s"] {
            assert!(parse(&format!("traces {wrong}")).is_err(), "{wrong}");
        }
    }
}
