//! The addresses of AWS's services, and what an address says of its service and region.

use std::env;

use reqwest::Url;

use crate::config::ConfigError;

/// The first labels of hosts, and the services that such hosts belong to, as the Collector knows them. Also
/// longer labels that begin so are meant: `search-domain-id` of OpenSearch.
const SERVICES: [(&str, &str); 5] = [
    ("aps-workspaces", "aps"),
    ("search-", "es"),
    ("logs", "logs"),
    ("monitoring", "monitoring"),
    ("xray", "xray"),
];

/// The domains of the partitions other than `aws`, by the beginning of their regions' names.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-iso-", "c2s.ic.gov"),
    ("eusc-", "amazonaws.eu"),
];

/// What the host of an address says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inferred<'a> {
    pub service: Option<&'static str>,
    pub region: Option<&'a str>,
}

/// Returns the address of a service in a region.
///
/// # Errors
/// The text is not a region. The key of the error is `region`.
pub fn of_service(service: &str, region: &str) -> Result<Url, ConfigError> {
    let is_region = !region.is_empty() && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let url = Url::parse(&format!("https://{service}.{region}.{}", domain(region))).ok();
    url.filter(|_| is_region)
        .ok_or_else(|| ConfigError::on("region", format!("`{region}` is no region, as `us-east-1` is one")))
}

/// Returns whether a text may be the name of a region or a service.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Reads the address of an endpoint. Without a scheme, `https` is meant, and the host must be a full name or an IP
/// address: a single word is more likely a mistake.
///
/// # Errors
/// The text is not such an address. `key` is the key of the error.
pub fn parse(key: &str, text: &str) -> Result<Url, ConfigError> {
    let has_scheme = text.contains("://");
    let url = Url::parse(&if has_scheme { text.to_owned() } else { format!("https://{text}") }).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.filter(|url| has_scheme || is_full(url)).ok_or_else(|| {
        let message = format!("`{text}` is not a URL: write `https://host`, or leave it out");
        ConfigError::on(key, message)
    })
}

/// Returns whether the host is `localhost`, a name of several labels, or an IP address.
fn is_full(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host == "localhost" || host.contains(['.', ':']))
}

/// Returns the service and the region that the host of a public endpoint names, such as
/// `xray.us-east-1.amazonaws.com`.
pub fn inferred(url: &Url) -> Inferred<'_> {
    let labels = url.host_str().and_then(|host| host.split_once('.'));
    let Some((first, (region, _))) = labels.and_then(|(first, rest)| Some((first, rest.split_once('.')?)))
    else {
        return Inferred::default();
    };
    match SERVICES.iter().find(|(label, _)| first.starts_with(label)) {
        Some((_, service)) => Inferred { service: Some(service), region: Some(region) },
        None => Inferred::default(),
    }
}

/// Returns the region that the environment names.
pub fn region_of_environment() -> Option<String> {
    let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    variables.filter_map(|name| env::var(name).ok()).find(|region| !region.is_empty())
}

/// Returns the domain of a region's partition.
fn domain(region: &str) -> &'static str {
    let known = DOMAINS.iter().find(|(prefix, _)| region.starts_with(prefix));
    known.map_or("amazonaws.com", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: regions of several partitions, and texts that are no regions.
    /// Guarantees: each region has its partition's domain, and the other texts are refused.
    #[test]
    fn a_service_has_the_domain_of_its_partition() {
        for (region, expected) in [
            ("us-east-1", "https://xray.us-east-1.amazonaws.com/"),
            ("us-gov-west-1", "https://xray.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://xray.cn-north-1.amazonaws.com.cn/"),
            ("us-iso-east-1", "https://xray.us-iso-east-1.c2s.ic.gov/"),
            ("us-isob-east-1", "https://xray.us-isob-east-1.sc2s.sgov.gov/"),
        ] {
            assert_eq!(of_service("xray", region).unwrap().as_str(), expected);
        }
        for region in ["", "us east", "a.b", "a/b", "ü"] {
            assert!(of_service("xray", region).unwrap_err().to_string().contains("is no region"), "{region}");
        }
    }

    /// Scenario: addresses with and without a scheme, and texts that are no addresses.
    /// Guarantees: a full name or an IP address needs no scheme; a single word does.
    #[test]
    fn an_address_is_a_url_or_a_full_name() {
        for (text, expected) in [
            ("https://x-ray", Some("https://x-ray/")),
            ("http://127.0.0.1:5000/base", Some("http://127.0.0.1:5000/base")),
            ("vpce-1.xray.example", Some("https://vpce-1.xray.example/")),
            ("localhost:5000", Some("https://localhost:5000/")),
            ("127.0.0.1", Some("https://127.0.0.1/")),
            ("nonsense", None),
            ("nonsense:443", None),
            ("ftp://x", None),
            ("https://", None),
        ] {
            let parsed = parse("endpoint", text);
            assert_eq!(parsed.as_ref().ok().map(Url::as_str), expected, "{text}");
            assert!(
                parsed.is_ok() || parsed.unwrap_err().to_string().contains("write `https://host`"),
                "{text}"
            );
        }
    }

    /// Scenario: public endpoints of the services that the Collector knows, and other hosts.
    /// Guarantees: service and region are those of the endpoint; other hosts say nothing.
    #[test]
    fn an_endpoint_says_what_to_sign_for() {
        for (host, expected) in [
            ("xray.us-east-1.amazonaws.com", Some(("xray", "us-east-1"))),
            ("logs.eu-west-1.amazonaws.com", Some(("logs", "eu-west-1"))),
            ("monitoring.eu-west-1.amazonaws.com", Some(("monitoring", "eu-west-1"))),
            ("aps-workspaces.us-west-2.amazonaws.com", Some(("aps", "us-west-2"))),
            ("search-my-domain-x1.us-east-2.es.amazonaws.com", Some(("es", "us-east-2"))),
            ("vpce-1.xray.example", None),
            ("127.0.0.1", None),
            ("localhost", None),
            ("xray", None),
        ] {
            let url = Url::parse(&format!("https://{host}/v1/traces")).unwrap();
            let Inferred { service, region } = inferred(&url);
            assert_eq!(service.zip(region), expected, "{host}");
        }
    }
}
