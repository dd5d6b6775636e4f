//! The form of the daemon's flags, which Go's library reads: a long name may have one dash.

use std::ffi::OsString;

/// Returns the arguments of a process in the form that clap reads: of `xray-daemon`, `-region x` becomes
/// `--region x`. Other commands' arguments stay.
pub fn in_the_form_of_clap(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_none_or(|command| command != "xray-daemon") {
        return arguments;
    }
    for argument in arguments.iter_mut().skip(2) {
        if argument.to_str().is_some_and(is_long) {
            let mut long = OsString::from("-");
            long.push(&*argument);
            *argument = long;
        }
    }
    arguments
}

/// Returns whether an argument is a long name with one dash. Go joins no short names, and no value to a short name.
fn is_long(argument: &str) -> bool {
    let name = argument.strip_prefix('-').and_then(|flag| flag.split('=').next()).unwrap_or_default();
    name.len() > 1 && !name.starts_with('-')
}
