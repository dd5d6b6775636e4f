//! Passing on and letting go.

use wasmtime::Result;

use crate::plugin::guest::{
    Guest,
    bindings::imported::{batches::Batch, output, types},
};

impl types::Host for Guest {}

impl output::Host for Guest {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.custody.emit(&batch)
    }

    fn discard(&mut self, batch: Batch) -> Result<()> {
        self.custody.discard(&batch)
    }
}
