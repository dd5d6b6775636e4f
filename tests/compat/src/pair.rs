//! Both sides, started with the same config.

use anyhow::{Result, bail};
use futures::join;

use crate::{
    grpc, http1,
    observation::{Case, Observation},
    side::{Binaries, Kind, Refused, Setup, Side},
};

pub(crate) struct Pair {
    pub(crate) collector: Side,
    pub(crate) spanloom: Side,
}

/// What is done to each side.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A request to the receiver's HTTP port.
    Http(http1::Request),
    /// Bytes to the receiver's HTTP port.
    Raw(Vec<u8>),
    /// A call to the receiver's gRPC port.
    Grpc(grpc::Call),
}

impl Pair {
    /// Starts both sides. Each must accept the config.
    pub(crate) async fn start(binaries: &Binaries, config: &str) -> Result<Pair> {
        match Self::start_either(binaries, config).await? {
            (Ok(collector), Ok(spanloom)) => Ok(Pair { collector, spanloom }),
            (Err(refused), _) => bail!("the Collector does not start with\n{config}\n{}", refused.output),
            (_, Err(refused)) => bail!("Spanloom does not start with\n{config}\n{}", refused.output),
        }
    }

    /// Starts both sides with one of several configs of a topic. If a side refuses the config, which sides do is
    /// the case that is returned.
    pub(crate) async fn start_or_case(
        binaries: &Binaries,
        name: &str,
        config: &str,
    ) -> Result<Result<Pair, Case>> {
        let (collector, spanloom) = Self::start_either(binaries, config).await?;
        let seen = |side: &Result<Side, Refused>| {
            Observation::default().with("start", if side.is_ok() { "starts" } else { "refuses" })
        };
        let (seen_collector, seen_spanloom) = (seen(&collector), seen(&spanloom));
        Ok(match (collector, spanloom) {
            (Ok(collector), Ok(spanloom)) => Ok(Pair { collector, spanloom }),
            (Err(refused), Err(_)) => bail!("neither starts with\n{config}\n{}", refused.output),
            _ => Err(Case {
                name: format!("{name}-start"),
                collector: seen_collector,
                spanloom: seen_spanloom,
            }),
        })
    }

    /// Starts both sides. The inner errors are of sides that refuse the config.
    pub(crate) async fn start_either(
        binaries: &Binaries,
        config: &str,
    ) -> Result<(Result<Side, Refused>, Result<Side, Refused>)> {
        let setup = Setup::of(&[config.to_owned()]);
        let start = |kind| Side::start(kind, binaries, &setup);
        let (collector, spanloom) = join!(start(Kind::Collector), start(Kind::Spanloom));
        Ok((collector?, spanloom?))
    }

    /// Does the same to both sides, one input after another.
    pub(crate) async fn cases(&self, inputs: Vec<(String, Input)>, headers: &[&str]) -> Vec<Case> {
        let mut cases = Vec::new();
        for (name, input) in inputs {
            let (collector, spanloom) =
                join!(observe(&self.collector, &input, headers), observe(&self.spanloom, &input, headers));
            cases.push(Case { name, collector, spanloom });
        }
        cases
    }

    /// Ends both sides. The case that is returned is about how they ended, and whether they ever panicked.
    pub(crate) async fn stop(mut self, name: &str) -> Case {
        let (collector, spanloom) = join!(self.collector.stop(), self.spanloom.stop());
        let seen = |side: &Side, code: Option<i32>| {
            let code = code.map_or_else(|| "killed: it did not end".to_owned(), |code| code.to_string());
            let output = side.output();
            let panic =
                output.lines().find(|line| line.contains("panicked at") || line.starts_with("panic: "));
            Observation::default().with("exit code", code).with("panic", panic.unwrap_or("none"))
        };
        Case {
            name: name.to_owned(),
            collector: seen(&self.collector, collector),
            spanloom: seen(&self.spanloom, spanloom),
        }
    }
}

/// Gives one side an input. What arrives at the stub before the answer belongs to the input.
pub(crate) async fn observe(side: &Side, input: &Input, headers: &[&str]) -> Observation {
    side.stub.take();
    answered(side, input).await.and_arrivals(&side.stub.take(), headers)
}

/// Gives one side an input, and returns the answer.
pub(crate) async fn answered(side: &Side, input: &Input) -> Observation {
    match input {
        Input::Http(request) => {
            let to_head = request.method == "HEAD";
            Observation::of_http(http1::exchange(side.at.http, &request.bytes(), to_head).await)
        }
        Input::Raw(bytes) => Observation::of_http(http1::exchange(side.at.http, bytes, false).await),
        Input::Grpc(call) => Observation::of_grpc(grpc::exchange(side.at.grpc, call).await),
    }
}
