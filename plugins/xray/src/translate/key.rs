//! The attribute keys with a meaning for X-Ray.

/// The meaning of an attribute key. The spellings of the old and of the stable semantic conventions are one
/// key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Key {
    AwsLocalService,
    AwsRemoteService,
    AwsRemoteOperation,
    RemoteTarget,
    K8sRemoteNamespace,
    AwsSpanKind,
    AwsService,
    PeerService,
    RpcSystem,
    RpcService,
    RpcMethod,
    EnduserId,
    XrayAnnotations,
    HttpMethod,
    HttpUrl,
    HttpScheme,
    HttpHost,
    HttpTarget,
    HttpServerName,
    HttpClientIp,
    HttpUserAgent,
    HttpStatusCode,
    HttpStatusText,
    UrlPath,
    UrlQuery,
    ClientAddress,
    ServerAddress,
    ServerPort,
    HostName,
    NetHostName,
    NetHostPort,
    NetPeerName,
    NetPeerPort,
    NetPeerIp,
    NetworkPeerAddress,
    MessageType,
    MessageSize,
    AwsOperation,
    AwsAccountId,
    AwsRegion,
    AwsRequestId,
    AwsQueueUrl,
    MessagingUrl,
    AwsTableName,
    AwsTableNames,
    DbSystem,
    DbName,
    DbStatement,
    DbUser,
    DbConnectionString,
    XrayInProgress,
    XrayError,
    XrayFault,
    XrayThrottle,
    XrayForwardedFor,
    XrayRetries,
    XrayWorkingDirectory,
    HttpContentLength,
}

impl Key {
    pub(crate) const COUNT: usize = Key::HttpContentLength as usize + 1;
}

/// The part of a document that uses an attribute, so that the attribute is not in the metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// No part.
    #[default]
    Plain,
    Http,
    Aws,
    Sql,
    User,
    /// The cause uses it.
    StatusText,
    /// About the other side of a call. The segment of this side does not have it as an annotation.
    Remote,
    /// The attribute `aws.xray.annotations`.
    Annotations,
    /// An attribute `aws.xray.metadata.NAMESPACE`.
    Namespace,
    /// A field of a segment that the `awsxray` receiver has read. It goes back to its place.
    Restored,
}

/// The prefix of attributes that hold a namespace of the metadata as JSON.
pub(crate) const NAMESPACE_PREFIX: &str = "aws.xray.metadata.";

/// Returns the meaning of a key, if it has one, and the part of the document that uses it.
pub(crate) fn classify(name: &str) -> (Option<Key>, Group) {
    if let Some(key) = http(name) {
        return (Some(key), Group::Http);
    }
    if let Some(key) = aws(name) {
        return (Some(key), Group::Aws);
    }
    if let Some(key) = db(name) {
        return (Some(key), Group::Sql);
    }
    if let Some(key) = remote(name) {
        return (Some(key), Group::Remote);
    }
    if let Some(key) = restored(name) {
        return (Some(key), Group::Restored);
    }
    match name {
        "aws.local.service" => (Some(Key::AwsLocalService), Group::Plain),
        "aws.span.kind" => (Some(Key::AwsSpanKind), Group::Plain),
        "aws.service" => (Some(Key::AwsService), Group::Plain),
        "peer.service" => (Some(Key::PeerService), Group::Plain),
        "rpc.system" => (Some(Key::RpcSystem), Group::Plain),
        "rpc.service" => (Some(Key::RpcService), Group::Plain),
        "messaging.url" => (Some(Key::MessagingUrl), Group::Plain),
        "aws.dynamodb.table_names" => (Some(Key::AwsTableNames), Group::Plain),
        "message.type" => (Some(Key::MessageType), Group::Plain),
        "messaging.message_payload_size_bytes" | "messaging.message.body.size" => {
            (Some(Key::MessageSize), Group::Plain)
        }
        "http.status_text" => (Some(Key::HttpStatusText), Group::StatusText),
        "enduser.id" => (Some(Key::EnduserId), Group::User),
        "aws.xray.annotations" => (Some(Key::XrayAnnotations), Group::Annotations),
        _ if name.starts_with(NAMESPACE_PREFIX) => (None, Group::Namespace),
        _ => (None, Group::Plain),
    }
}

fn http(name: &str) -> Option<Key> {
    Some(match name {
        "http.method" | "http.request.method" => Key::HttpMethod,
        "http.url" | "url.full" => Key::HttpUrl,
        "http.scheme" | "url.scheme" => Key::HttpScheme,
        "http.host" => Key::HttpHost,
        "http.target" => Key::HttpTarget,
        "http.server_name" => Key::HttpServerName,
        "http.client_ip" => Key::HttpClientIp,
        "http.user_agent" | "user_agent.original" => Key::HttpUserAgent,
        "http.status_code" | "http.response.status_code" => Key::HttpStatusCode,
        "url.path" => Key::UrlPath,
        "url.query" => Key::UrlQuery,
        "client.address" => Key::ClientAddress,
        "server.address" => Key::ServerAddress,
        "server.port" => Key::ServerPort,
        "host.name" => Key::HostName,
        "net.host.name" => Key::NetHostName,
        "net.host.port" => Key::NetHostPort,
        "net.peer.name" => Key::NetPeerName,
        "net.peer.port" => Key::NetPeerPort,
        "net.peer.ip" => Key::NetPeerIp,
        "network.peer.address" => Key::NetworkPeerAddress,
        "http.response_content_length" => Key::HttpContentLength,
        "aws.xray.x_forwarded_for" => Key::XrayForwardedFor,
        _ => return None,
    })
}

fn aws(name: &str) -> Option<Key> {
    Some(match name {
        "aws.operation" => Key::AwsOperation,
        "rpc.method" => Key::RpcMethod,
        "aws.account_id" => Key::AwsAccountId,
        "aws.region" => Key::AwsRegion,
        "aws.request_id" | "aws.requestId" => Key::AwsRequestId,
        "aws.queue_url" | "aws.queue.url" => Key::AwsQueueUrl,
        "aws.table_name" | "aws.table.name" => Key::AwsTableName,
        "aws.xray.retries" => Key::XrayRetries,
        _ => return None,
    })
}

fn db(name: &str) -> Option<Key> {
    Some(match name {
        "db.system" | "db.system.name" => Key::DbSystem,
        "db.name" | "db.namespace" => Key::DbName,
        "db.statement" | "db.query.text" => Key::DbStatement,
        "db.user" => Key::DbUser,
        "db.connection_string" => Key::DbConnectionString,
        _ => return None,
    })
}

fn remote(name: &str) -> Option<Key> {
    Some(match name {
        "aws.remote.service" => Key::AwsRemoteService,
        "aws.remote.operation" => Key::AwsRemoteOperation,
        "remoteTarget" => Key::RemoteTarget,
        "K8s.RemoteNamespace" => Key::K8sRemoteNamespace,
        _ => return None,
    })
}

fn restored(name: &str) -> Option<Key> {
    Some(match name {
        "aws.xray.inprogress" => Key::XrayInProgress,
        "aws.xray.error" => Key::XrayError,
        "aws.xray.fault" => Key::XrayFault,
        "aws.xray.throttle" => Key::XrayThrottle,
        "aws.xray.cause.working_directory" => Key::XrayWorkingDirectory,
        _ => return None,
    })
}
