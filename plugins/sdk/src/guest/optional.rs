use super::{Guest, call, call_out};
use crate::bindings::exports::{
    flushed::exports::spanloom::plugin::flush, handed_over::exports::spanloom::plugin::handover,
    http_handling::exports::spanloom::plugin::http_handler, timed::exports::spanloom::plugin::timer,
};
use crate::bindings::spanloom::plugin::batches;
use crate::{Failure, Flush, Handover, HttpHandler, Incoming, Outgoing, Saved, Timer};

impl<G: Guest<Plugin: Timer>> timer::Guest for G {
    fn wake() -> Result<Vec<batches::Batch>, Failure> {
        call_out::<G>(Timer::wake)
    }
}

impl<G: Guest<Plugin: Flush>> flush::Guest for G {
    fn flush() -> Result<Vec<batches::Batch>, Failure> {
        call_out::<G>(Flush::flush)
    }
}

impl<G: Guest<Plugin: Handover>> handover::Guest for G {
    fn save() -> Result<handover::Saved, Failure> {
        let Saved { state, batches } = call::<G, _, _>(Handover::save)?;
        Ok(handover::Saved { state, batches: batches.into_iter().map(Into::into).collect() })
    }

    fn restore(saved: handover::Saved) -> Result<(), Failure> {
        let batches = saved.batches.into_iter().map(Into::into).collect();
        call::<G, _, _>(|plugin| plugin.restore(Saved { state: saved.state, batches }))
    }
}

impl<G: Guest<Plugin: HttpHandler>> http_handler::Guest for G {
    fn handle(request: http_handler::Incoming) -> http_handler::Outgoing {
        let headers = request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        let request = Incoming { path: request.path, query: request.query, headers };
        let answer = call::<G, _, Failure>(|plugin| Ok(plugin.handle(request)));
        let Outgoing { status, headers, body } =
            answer.unwrap_or_else(|_| Outgoing { status: 503, headers: Vec::new(), body: Vec::new() });
        let headers = headers.into_iter().map(|(name, value)| http_handler::Header { name, value }).collect();
        http_handler::Outgoing { status, headers, body }
    }
}
