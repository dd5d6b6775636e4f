//! The keys of a receiver plugin's config that the host reads.

use crate::{
    component::Extensions,
    config::{ConfigError, Finding, Node, keys_of},
    plugin::guest::interface::{Listener, Takes},
    receiver::{
        datagrams::DatagramsConfig,
        frames::FramesConfig,
        grpc::GrpcConfig,
        http::{Guards, HttpServerConfig, MAX_REQUEST_BYTES, RequestsConfig, doubts},
    },
    tls::{self, server::ServerTlsConfig},
};

/// The key below which the keys of listeners with names stand.
const PROTOCOLS: &str = "protocols";
/// A request is in a guest's memory several times: as it came, and as telemetry that is being written. So the
/// largest body is this part of `limits.memory_mib`, unless the config says otherwise.
const BODY_SHARE: usize = 4;

/// The host's part of the config of a receiver plugin.
pub struct ReceiverConfig {
    /// The listeners that are opened.
    pub(super) ports: Vec<PortConfig>,
    pub(super) requests: RequestsConfig,
}

/// A listener that is opened.
pub(super) struct PortConfig {
    /// The number of the listener.
    pub(super) listener: usize,
    /// The keys that lead to this config: `protocols::http`. Empty if the keys stand beside the plugin's own.
    pub(super) keys: String,
    pub(super) listens: ListenConfig,
}

pub(super) enum ListenConfig {
    Http(HttpServerConfig),
    Datagrams(DatagramsConfig),
    Frames(FramesConfig),
    Grpc(GrpcConfig),
}

impl ReceiverConfig {
    /// Returns the config of a receiver that listens to nothing, for trying out a plugin.
    pub fn closed() -> ReceiverConfig {
        ReceiverConfig { ports: Vec::new(), requests: RequestsConfig::default() }
    }

    /// Returns the keys of a component's config that the host reads, for a plugin with these listeners.
    pub fn keys(listeners: &[Listener]) -> Vec<&'static str> {
        let own = match listeners {
            [] => return Vec::new(),
            [only] if only.name.is_empty() => ListenConfig::keys(&only.takes),
            _ => &[PROTOCOLS],
        };
        own.iter().chain(keys_of::<RequestsConfig>()).copied().collect()
    }

    /// Reads the host's part of a component's config. `memory_bytes` is the memory of a guest.
    pub fn read(
        config: &Node,
        listeners: &[Listener],
        memory_bytes: usize,
    ) -> Result<ReceiverConfig, ConfigError> {
        let (mut ports, mut wrong) = (Vec::new(), Vec::new());
        for place in places(config, listeners)? {
            match ListenConfig::read(&place.node, &place.listener.takes, memory_bytes) {
                Ok(listens) => ports.push(PortConfig { listener: place.number, keys: place.keys, listens }),
                Err(error) => wrong.push(Err(error)),
            }
        }
        let largest_bytes = largest_bytes(&ports);
        let requests = config.only(keys_of::<RequestsConfig>());
        let requests = requests.read_valid(|requests: &RequestsConfig| requests.validate(largest_bytes));
        match requests {
            Ok(requests) if wrong.is_empty() => Ok(ReceiverConfig { ports, requests }),
            requests => {
                wrong.push(requests.map(drop));
                Err(ConfigError::all(wrong).err().unwrap_or_else(|| ConfigError::new("it cannot be read")))
            }
        }
    }

    /// Returns the warnings about the host's part of a valid config.
    pub fn doubts(config: &Node, listeners: &[Listener]) -> Vec<Finding> {
        let places = places(config, listeners).unwrap_or_default();
        places.iter().flat_map(|place| ListenConfig::doubts(&place.node, &place.listener.takes)).collect()
    }

    /// Finds the extensions that each listener names.
    ///
    /// # Errors
    /// Names the key of an extension that is not there.
    pub fn guards(&self, extensions: &Extensions) -> Result<Vec<Guards>, ConfigError> {
        self.ports.iter().map(|port| port.guards(extensions)).collect()
    }

    pub(super) fn largest_bytes(&self) -> usize {
        largest_bytes(&self.ports)
    }
}

/// A listener, and the node that holds its keys and no others.
struct Place<'a> {
    number: usize,
    listener: &'a Listener,
    keys: String,
    node: Node,
}

/// Returns the listeners that the config opens.
fn places<'a>(config: &Node, listeners: &'a [Listener]) -> Result<Vec<Place<'a>>, ConfigError> {
    match listeners {
        [] => return Ok(Vec::new()),
        [only] if only.name.is_empty() => {
            let node = config.only(ListenConfig::keys(&only.takes));
            return Ok(vec![Place { number: 0, listener: only, keys: String::new(), node }]);
        }
        _ => {}
    }
    let names: Vec<&str> = listeners.iter().map(|listener| listener.name.as_str()).collect();
    let protocols = config.get(PROTOCOLS).filter(|protocols| !protocols.entries().is_empty());
    let Some(protocols) = protocols else {
        let message = format!("{PROTOCOLS}: name one or several of {}", names.join(", "));
        return Err(ConfigError::on(PROTOCOLS, message).within(config));
    };
    let (mut places, mut unknown) = (Vec::new(), Vec::new());
    for entry in protocols.entries() {
        match names.iter().position(|name| *name == entry.key) {
            Some(number) => places.extend(listeners.get(number).map(|listener| Place {
                number,
                listener,
                keys: format!("{PROTOCOLS}::{}", entry.key),
                node: entry.node.clone(),
            })),
            None => unknown.push(protocols.unknown_key(entry, &names)),
        }
    }
    ConfigError::from_findings(unknown).map(|()| places)
}

fn largest_bytes(ports: &[PortConfig]) -> usize {
    let of_port = |port: &PortConfig| match &port.listens {
        ListenConfig::Http(server) => server.limit_bytes(),
        ListenConfig::Frames(config) => config.max_frame_size,
        ListenConfig::Grpc(config) => config.limit_bytes(),
        ListenConfig::Datagrams(_) => 0,
    };
    ports.iter().map(of_port).max().unwrap_or_default()
}

impl PortConfig {
    pub(super) fn tls(&self) -> Option<&ServerTlsConfig> {
        match &self.listens {
            ListenConfig::Http(config) => config.tls.as_ref(),
            ListenConfig::Grpc(config) => config.tls.as_ref(),
            ListenConfig::Frames(config) => config.tls.as_ref(),
            ListenConfig::Datagrams(_) => None,
        }
    }

    fn guards(&self, extensions: &Extensions) -> Result<Guards, ConfigError> {
        let found = match &self.listens {
            ListenConfig::Http(server) => Guards::find(server.auth.as_ref(), &server.middlewares, extensions),
            ListenConfig::Grpc(config) => Guards::find(config.auth.as_ref(), &config.middlewares, extensions),
            ListenConfig::Datagrams(_) | ListenConfig::Frames(_) => Ok(Guards::default()),
        };
        found.map_err(|wrong| if self.keys.is_empty() { wrong } else { wrong.below(&self.keys) })
    }
}

impl ListenConfig {
    fn keys(takes: &Takes) -> &'static [&'static str] {
        match takes {
            Takes::Http(_) => keys_of::<HttpServerConfig>(),
            Takes::Datagrams => keys_of::<DatagramsConfig>(),
            Takes::Frames(_) => keys_of::<FramesConfig>(),
            Takes::Grpc(_) => keys_of::<GrpcConfig>(),
        }
    }

    fn read(node: &Node, takes: &Takes, memory_bytes: usize) -> Result<ListenConfig, ConfigError> {
        match takes {
            Takes::Http(_) => {
                let mut server = node.read_valid(HttpServerConfig::validate)?;
                if node.get("max_request_body_size").is_none() {
                    server.max_request_body_size = MAX_REQUEST_BYTES.min(memory_bytes / BODY_SHARE);
                }
                Ok(ListenConfig::Http(server))
            }
            Takes::Datagrams => Ok(ListenConfig::Datagrams(node.read_valid(DatagramsConfig::validate)?)),
            Takes::Frames(_) => Ok(ListenConfig::Frames(node.read_valid(FramesConfig::validate)?)),
            Takes::Grpc(_) => {
                let mut config = node.read_valid(GrpcConfig::validate)?;
                if node.get("max_recv_msg_size_mib").is_none() {
                    let most_mib = (memory_bytes / BODY_SHARE) >> 20;
                    config.max_recv_msg_size_mib = (MAX_REQUEST_BYTES >> 20).min(most_mib).max(1);
                }
                Ok(ListenConfig::Grpc(config))
            }
        }
    }

    fn doubts(node: &Node, takes: &Takes) -> Vec<Finding> {
        match takes {
            Takes::Http(_) => doubts::<HttpServerConfig>(node),
            Takes::Frames(_) => node.get("tls").into_iter().flat_map(tls::doubts).collect(),
            Takes::Grpc(_) => {
                let tls = node.get("tls").into_iter().flat_map(tls::doubts);
                node.unused::<GrpcConfig>().into_iter().chain(tls).collect()
            }
            Takes::Datagrams => Vec::new(),
        }
    }
}
