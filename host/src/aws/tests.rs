//! Tests signatures against AWS's published test suite. Tests each member of the chain of credentials in a
//! process whose environment offers only that member.

use std::{
    process::Stdio,
    time::{Duration, UNIX_EPOCH},
};

use aws_credential_types::Credentials;
use axum::{
    Router,
    extract::{Path, Request},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{get, post, put},
};
use bytes::Bytes;
use http::{HeaderName, Method};
use reqwest::Url;
use serde_json::json;

use super::{
    credentials::Identity,
    signer::{hash, sign_for},
    *,
};
use crate::component::auth::UnsignedRequest;

const SUITE_URL: &str = "https://example.amazonaws.com/";
/// 2015-08-30T12:36:00Z, the time of the test suite.
const SUITE_TIME: Duration = Duration::from_secs(1_440_938_160);

fn suite_identity(session_token: Option<&str>) -> Identity {
    let credentials = Credentials::new(
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token.map(str::to_owned),
        None,
        "suite",
    );
    Identity { credentials, region: "us-east-1".to_owned() }
}

/// A request to sign.
pub(super) struct Outgoing {
    method: Method,
    url: Url,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

fn outgoing(method: &str, url: &str, headers: &[(&str, &str)]) -> Outgoing {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    Outgoing { method: method.parse().unwrap(), url: url.parse().unwrap(), headers: map, body: Bytes::new() }
}

async fn sign_at(service: &str, identity: &Identity, at: Duration, request: &mut Outgoing) {
    let Outgoing { method, url, headers, body } = request;
    let body = std::slice::from_ref(&*body);
    let hash = hash(body).await;
    let unsigned = UnsignedRequest { method, url, headers, body };
    sign_for(service, identity, UNIX_EPOCH + at, unsigned, hash).unwrap();
}

async fn authorization(service: &str, identity: &Identity, mut request: Outgoing) -> String {
    sign_at(service, identity, SUITE_TIME, &mut request).await;
    request.headers["authorization"].to_str().unwrap().to_owned()
}

/// Serves the routes on a port of this machine, and returns the address.
pub(super) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// Scenario: the cases of `aws-sig-v4-test-suite` that a URL can express are signed.
/// Guarantees: the signatures are the published ones.
#[tokio::test]
async fn signatures_are_those_of_the_test_suite() {
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mine = |value| vec![("My-Header1", value)];
    for (request, signature) in [
        (("GET", "", vec![]), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (("POST", "", vec![]), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (("GET", unreserved, vec![]), "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        (("GET", "?ሴ=bar", vec![]), "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            ("GET", "?Param2=value2&Param1=value1", vec![]),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (("POST", "", mine("value1")), "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
        (
            ("GET", "", [mine("value2"), mine("value2"), mine("value1")].concat()),
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
    ] {
        let (method, path, headers) = request;
        let outgoing = outgoing(method, &format!("{SUITE_URL}{path}"), &headers);
        let signed = authorization("service", &suite_identity(None), outgoing).await;
        assert!(signed.ends_with(&format!("Signature={signature}")), "{method} /{path}: {signed}");
        assert!(
            signed.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"),
            "{signed}"
        );
    }
    let session = suite_identity(Some("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"));
    let signed = authorization("service", &session, outgoing("GET", SUITE_URL, &[])).await;
    let signature = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
    assert!(signed.ends_with(signature), "{signed}");
}

/// Scenario: "Example: PUT Object" of Amazon S3's API reference is signed.
/// Guarantees: the path is encoded once, the body's hash is a header, and the signature is the published one.
#[tokio::test]
async fn an_upload_to_s3_is_signed_as_its_reference_says() {
    let mut request = outgoing(
        "PUT",
        "https://examplebucket.s3.amazonaws.com/test$file.text",
        &[("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
    );
    request.body = Bytes::from_static(b"Welcome to Amazon S3.");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "reference");
    let identity = Identity { credentials, region: "us-east-1".to_owned() };
    sign_at("s3", &identity, Duration::from_secs(1_369_353_600), &mut request).await;
    let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    assert_eq!(request.headers["x-amz-content-sha256"], hash);
    let signed = request.headers["authorization"].to_str().unwrap();
    let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert!(signed.ends_with(signature), "{signed}");
    assert!(request.headers["authorization"].is_sensitive());
}

/// Scenario: a request has the signature's own headers.
/// Guarantees: they are neither signed nor sent.
#[tokio::test]
async fn an_own_signature_of_the_request_goes() {
    let forged = [
        ("authorization", "mine"),
        ("x-amz-date", "19700101T000000Z"),
        ("x-amz-security-token", "mine"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ];
    let mut request = outgoing("GET", SUITE_URL, &forged);
    sign_at("service", &suite_identity(None), SUITE_TIME, &mut request).await;
    assert_eq!(request.headers["x-amz-date"], "20150830T123600Z");
    assert!(!request.headers.contains_key("x-amz-security-token"));
    assert!(!request.headers.contains_key("x-amz-content-sha256"));
    let vanilla = authorization("service", &suite_identity(None), outgoing("GET", SUITE_URL, &[])).await;
    assert_eq!(request.headers["authorization"], vanilla);
}

/// A server of STS, container credentials and instance metadata. It answers only requests with the right
/// token.
fn cloud() -> Router {
    let sts = async |body: String| {
        let web = body.contains("AssumeRoleWithWebIdentity") && body.contains("WebIdentityToken=web-token");
        let role = body.contains("Action=AssumeRole&") && body.contains("ExternalId=outsider");
        match (web, role) {
            (true, _) => (StatusCode::OK, assumed("AssumeRoleWithWebIdentity", "AKIDWEB")),
            (_, true) => (StatusCode::OK, assumed("AssumeRole", "AKIDROLE")),
            _ => (StatusCode::FORBIDDEN, String::new()),
        }
    };
    let container = async |headers: HeaderMap| match headers.get("authorization") {
        Some(token) if token == "container-token" => keys("AKIDCONTAINER").into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    };
    let instance = async |Path(path): Path<String>, request: Request| match (
        path.as_str(),
        request.headers().get("x-aws-ec2-metadata-token"),
    ) {
        ("iam/security-credentials" | "iam/security-credentials/", Some(_)) => {
            "instance-role".into_response()
        }
        ("iam/security-credentials/instance-role", Some(_)) => keys("AKIDINSTANCE").into_response(),
        ("placement/region", Some(_)) => "eu-west-2".into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    let token = async || ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "instance-token");
    Router::new()
        .route("/", post(sts))
        .route("/container", get(container))
        .route("/latest/api/token", put(token))
        .route("/latest/meta-data/{*path}", get(instance))
}

fn keys(id: &str) -> String {
    json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": id,
        "SecretAccessKey": "hush",
        "Token": "session",
        "Expiration": "2099-01-01T00:00:00Z",
        "LastUpdated": "2026-01-01T00:00:00Z",
    })
    .to_string()
}

fn assumed(action: &str, id: &str) -> String {
    format!(
        r#"<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
        <AssumedRoleUser><AssumedRoleId>x:spanloom</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/x/spanloom</Arn>
        </AssumedRoleUser><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>
        <SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
        </{action}Result></{action}Response>"#
    )
}

const WHO: &str = "who:";
const CONFIG: &str = "SPANLOOM_TEST_AWS";

/// Writes to standard output which identity the chain finds in its environment. The tests below run it in a
/// process of its own.
#[tokio::test]
#[ignore = "the tests below run it, in a process of its own"]
async fn says_who_it_is() {
    let config: serde_json::Value = serde_json::from_str(&std::env::var(CONFIG).unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let role = text(&config["role_arn"]).map(|arn| RoleSettings {
        arn,
        external_id: text(&config["external_id"]),
        session_name: text(&config["session_name"]),
        sts_region: text(&config["sts_region"]),
        web_identity_token_file: text(&config["web_identity_token_file"]).map(Into::into),
        ..RoleSettings::default()
    });
    let settings = IdentitySettings {
        region: text(&config["region"]),
        profile: text(&config["profile"]),
        role,
        ..IdentitySettings::default()
    };
    let who = match Signer::new(settings).chain().identity(None).await {
        Ok(Identity { credentials, region }) => {
            format!("{} {} {region}", credentials.access_key_id(), credentials.session_token().unwrap_or("-"))
        }
        Err(error) => error,
    };
    println!("{WHO}{who}");
}

/// Returns the identity that a process finds with this environment and nothing else.
async fn who(config: serde_json::Value, environment: &[(&str, &str)]) -> String {
    let nowhere = tempfile::tempdir().unwrap();
    // As the test harness names it: without the crate.
    let (_, test) = concat!(module_path!(), "::says_who_it_is").split_once("::").unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", nowhere.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(CONFIG, config.to_string())
        .envs(environment.iter().copied())
        .stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, who) = text.split_once(WHO).unwrap_or_else(|| panic!("says nothing: {text}"));
    who.lines().next().unwrap().to_owned()
}

/// Scenario: the environment has keys, with and without a region.
/// Guarantees: they are used, the config's region wins, and a missing region is an error.
#[tokio::test]
async fn the_environment_says_who() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "hush")];
    let config = json!({});
    let with_region = [&keys[..], &[("AWS_REGION", "eu-west-1")]].concat();
    assert_eq!(who(config.clone(), &with_region).await, "AKIDENV - eu-west-1");
    let region = json!({ "region": "us-west-2" });
    assert_eq!(who(region, &with_region).await, "AKIDENV - us-west-2");
    assert!(who(config, &keys).await.contains("write `region: us-east-1`"));
}

/// Scenario: the shared files have two profiles.
/// Guarantees: the config's profile gives the keys and the region.
#[tokio::test]
async fn a_profile_says_who_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, config) = (folder.path().join("credentials"), folder.path().join("config"));
    let of =
        |name: &str, id: &str| format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = hush\n");
    std::fs::write(&keys, of("default", "AKIDFILE") + &of("other", "AKIDOTHER")).unwrap();
    std::fs::write(&config, "[default]\nregion = eu-north-1\n[profile other]\nregion = sa-east-1\n").unwrap();
    let files = [
        ("AWS_SHARED_CREDENTIALS_FILE", keys.to_str().unwrap()),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
    ];
    assert_eq!(who(json!({}), &files).await, "AKIDFILE - eu-north-1");
    let other = json!({ "profile": "other" });
    assert_eq!(who(other, &files).await, "AKIDOTHER - sa-east-1");
}

/// Scenario: the environment has a web identity token.
/// Guarantees: it is exchanged for a role's credentials.
#[tokio::test]
async fn a_web_identity_is_changed_into_a_roles() {
    let sts = serve(cloud()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "web-token").unwrap();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.path().to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_ENDPOINT_URL_STS", &sts),
    ];
    let config = json!({ "region": "us-east-1" });
    assert_eq!(who(config, &environment).await, "AKIDWEB session us-east-1");
}

/// Scenario: the settings name a role and a file with a web identity token; the environment has no credentials.
/// Guarantees: the token is exchanged for the role's credentials.
#[tokio::test]
async fn a_web_identity_of_the_settings_is_changed_into_their_roles() {
    let sts = serve(cloud()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "web-token").unwrap();
    let config = json!({
        "region": "us-east-1",
        "role_arn": "arn:aws:iam::1:role/x",
        "sts_region": "us-west-2",
        "web_identity_token_file": file.path(),
    });
    assert_eq!(who(config, &[("AWS_ENDPOINT_URL_STS", &sts)]).await, "AKIDWEB session us-east-1");
}

/// Scenario: the environment names a container's endpoint.
/// Guarantees: its credentials are used.
#[tokio::test]
async fn a_container_is_told_who_it_is() {
    let url = format!("{}/container", serve(cloud()).await);
    let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token");
    let environment = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()), token];
    let config = json!({ "region": "us-east-1" });
    assert_eq!(who(config, &environment).await, "AKIDCONTAINER session us-east-1");
}

/// Scenario: only the instance's metadata service is there.
/// Guarantees: it gives the credentials and the region.
#[tokio::test]
async fn an_instance_asks_its_metadata_service() {
    let metadata = serve(cloud()).await;
    let environment =
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str()), ("AWS_EC2_METADATA_DISABLED", "false")];
    assert_eq!(who(json!({}), &environment).await, "AKIDINSTANCE session eu-west-2");
}

/// Scenario: the config names a role, without and with its external id.
/// Guarantees: the role is assumed only with the id, and the error shows no secret.
#[tokio::test]
async fn a_role_is_assumed_with_what_the_chain_yields() {
    let sts = serve(cloud()).await;
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDENV"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
    ];
    let mut config = json!({ "region": "us-east-1", "role_arn": "arn:aws:iam::1:role/x" });
    let refused = who(config.clone(), &environment).await;
    assert!(refused.starts_with("no AWS credentials: ") && !refused.contains("hush"), "{refused}");
    config["external_id"] = json!("outsider");
    assert_eq!(who(config, &environment).await, "AKIDROLE session us-east-1");
}

/// Scenario: no member of the chain has credentials.
/// Guarantees: the error says so.
#[tokio::test]
async fn who_is_nobody_is_told_so() {
    let said = who(json!({ "region": "us-east-1" }), &[]).await;
    assert!(said.starts_with("no AWS credentials: "), "{said}");
}
