//! Where the exporter shows batches.

use std::io;

use super::DebugConfig;
use crate::files::outputs::Outputs;

/// Opens the outputs that the config names, or standard output. Opening may block.
///
/// # Errors
/// A file cannot be opened. The error names the path.
pub(super) fn open(config: &DebugConfig) -> io::Result<Outputs> {
    match config.output_paths.as_slice() {
        [] => Outputs::open(&["stdout".to_owned()]),
        paths => Outputs::open(paths),
    }
}
