//! Commands of `spanloom` that pages show are commands that this program has.

use std::ffi::OsString;

use clap::{Parser as _, error::ErrorKind};
use spanloom::cli::{Cli, xray_daemon::in_the_form_of_clap};

use crate::{
    assert_none,
    pages::{self, Page},
};

const PROGRAM: &str = "spanloom";

/// Scenario: every command line of `spanloom` in the shell blocks of all pages.
/// Guarantees: the command line's parser accepts each.
#[test]
fn every_command_line_is_accepted() {
    let mut complaints = Vec::new();
    let mut checked = 0;
    for page in pages::all() {
        for (line, command) in shown(&page) {
            for arguments in invocations(&command) {
                checked += 1;
                if let Some(error) = refusal(&arguments, false) {
                    complaints.push(format!("{}:{line}: {arguments:?}: {error}", page.path));
                }
            }
        }
    }
    assert!(checked > 30, "{checked}");
    assert_none(&complaints);
}

/// Scenario: every command of `spanloom` that stands between backticks in a text.
/// Guarantees: the command and its flags exist. What the command needs besides may be left out.
#[test]
fn every_command_in_a_text_exists() {
    let mut complaints = Vec::new();
    let mut checked = 0;
    for page in pages::all() {
        let codes = page.codes().into_iter().filter(|(_, code)| code.starts_with("spanloom "));
        for (line, code) in codes {
            // `spanloom plugin swap NAME [FILE]` shows what may be left out.
            let code = code.replace(['[', ']'], "");
            for arguments in invocations(&code) {
                checked += 1;
                if let Some(error) = refusal(&arguments, true) {
                    complaints.push(format!("{}:{line}: `{code}`: {error}", page.path));
                }
            }
        }
    }
    assert!(checked > 30, "{checked}");
    assert_none(&complaints);
}

/// Scenario: lines as shells read them.
/// Guarantees: the arguments of `spanloom` are found, wherever it stands; other programs' are not.
#[test]
fn invocations_are_found() {
    let check = |line: &str, expected: &[&[&str]]| assert_eq!(invocations(line), expected, "{line}");
    check("BACKEND=a:1 spanloom run -c x.yaml  # starts", &[&["run", "-c", "x.yaml"]]);
    check(
        "spanloom validate -c 'a b.yaml' && sudo ./spanloom reload",
        &[&["validate", "-c", "a b.yaml"], &["reload"]],
    );
    check("kubectl exec deploy/spanloom -- /usr/bin/spanloom status", &[&["status"]]);
    check("cargo run --release -- generate traces", &[&["generate", "traces"]]);
    check("spanloom status --json | jq '.plugins[]' > out", &[&["status", "--json"]]);
    check("sudo install -m 755 spanloom /usr/bin/", &[]);
    check("helm install gateway deploy/helm/spanloom", &[]);
}

/// Scenario: commands that do not exist or lack something.
/// Guarantees: they are refused, but for what a text may leave out.
#[test]
fn what_does_not_exist_is_refused() {
    let refused = |line: &str, is_in_text: bool| refusal(&invocations(line)[0], is_in_text).is_some();
    assert!(refused("spanloom validat", true) && refused("spanloom run --no-such", true));
    assert!(refused("spanloom plugin swap", false) && !refused("spanloom plugin swap", true));
    assert!(!refused("spanloom xray-daemon -o -region us-east-1", false));
}

/// Returns the lines of the page's shell blocks, each with its number. Of a console's block, the lines after a prompt.
fn shown(page: &Page) -> Vec<(usize, String)> {
    let mut shown = Vec::new();
    for block in page.blocks() {
        let joined = block.text.replace("\\\n", " \u{0}");
        let mut number = block.line;
        for line in joined.lines() {
            number += 1;
            let command = match block.language.as_str() {
                "sh" => Some(line),
                "console" => line.strip_prefix("$ "),
                _ => None,
            };
            shown.extend(command.map(|command| (number, command.replace('\u{0}', ""))));
            number += line.matches('\u{0}').count();
        }
    }
    shown
}

/// Returns the arguments of each call of `spanloom` on a line.
fn invocations(line: &str) -> Vec<Vec<String>> {
    let words = words(line);
    let commands = words.split(|word| ["&&", "||", "|", ";", "&"].contains(&word.as_str()));
    commands.filter_map(arguments).collect()
}

fn arguments(command: &[String]) -> Option<Vec<String>> {
    let ended = command.iter().position(|word| word.starts_with('>')).unwrap_or(command.len());
    let is_assignment = |word: &&String| word.contains('=') || *word == "sudo";
    let skipped = command.iter().take_while(is_assignment).count();
    let command = command.get(skipped..ended)?;
    let is_program = |word: &String| word.rsplit('/').next() == Some(PROGRAM);
    let after_dashes = || {
        let dashes = command.iter().position(|word| word == "--")?;
        let runs = command.starts_with(&["cargo".to_owned(), "run".to_owned()]);
        let program = command.get(dashes + 1).filter(|word| is_program(word));
        (runs || program.is_some()).then_some(if runs { dashes + 1 } else { dashes + 2 })
    };
    let start = if command.first().is_some_and(is_program) { 1 } else { after_dashes()? };
    Some(command.get(start..)?.to_vec())
}

/// Splits a line into words, as a shell does, without its comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (character, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            (c @ ('"' | '\''), None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('#', None) if word.is_none() => break,
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Returns why the parser refuses the arguments, if it does. In a text, arguments may be missing.
fn refusal(arguments: &[String], is_in_text: bool) -> Option<String> {
    let words = std::iter::once(PROGRAM).chain(arguments.iter().map(String::as_str));
    let error = Cli::try_parse_from(in_the_form_of_clap(words.map(OsString::from))).err()?;
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => is_in_text,
        _ => false,
    };
    (!is_fine).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}
