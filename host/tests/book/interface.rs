//! The reference of the plugin interface, which is made from `wit/`: a page for each file, a chapter for each interface and
//! world.

use std::{env, fs};

use crate::pages::root;

/// The version that the pages describe: the newest.
const VERSION: &str = "0.2.0";

/// What almost everything in `wit/` says, and therefore no page.
const OLDEST: &str = "@since(version = 0.1.0)";

/// The files, in the order of the book, and the titles of their pages.
const FILES: [(&str, &str); 9] = [
    ("worlds", "Worlds"),
    ("roles", "Processors, samplers, exporters, connectors"),
    ("receivers", "Receivers"),
    ("spans", "Batches of spans"),
    ("traces", "Traces"),
    ("batches", "Batches of any signal"),
    ("optional", "Optional exports"),
    ("host", "Imports from the host"),
    ("types", "Shared types"),
];

/// Scenario: the pages of the interface are made anew. `SPANLOOM_UPDATE_SNAPSHOTS=1` writes them.
/// Guarantees: the pages of the book say what `wit/` says, and there is a page for each file.
#[test]
fn the_pages_are_those_of_wit() {
    let folder = root().join("docs/interface");
    let files = fs::read_dir(root().join("wit").join(VERSION)).unwrap();
    assert_eq!(files.count(), FILES.len(), "each file of the interface has a page");
    for (name, title) in FILES {
        let wit = fs::read_to_string(root().join("wit").join(VERSION).join(format!("{name}.wit"))).unwrap();
        let (path, made) = (folder.join(format!("{name}.md")), page(name, title, &wit));
        if env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &made).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == made,
            "docs/interface/{name}.md is not what wit/{VERSION}/{name}.wit says: run this test with SPANLOOM_UPDATE_SNAPSHOTS=1"
        );
    }
}

/// Scenario: a file with an interface that has a text, a function of the oldest version and a newer one.
/// Guarantees: the text stands above the interface, and only the newer function says when it came.
#[test]
fn a_page_has_the_text_and_the_code() {
    let wit = "/// A text.\n@since(version = 0.1.0)\ninterface a {\n    /// F.\n    @since(version = 0.1.0)\n    f: func();\n    @since(version = 0.2.0)\n    g: func();\n}\n";
    let made = page("a", "Title", wit);
    let expected = "# Title\n\n## interface a\n\nA text.\n\n```wit\ninterface a {\n    /// F.\n    f: func();\n    @since(version = 0.2.0)\n    g: func();\n}\n```\n";
    assert!(made.ends_with(expected), "{made}");
}

/// Returns the page of a file of the interface.
fn page(name: &str, title: &str, wit: &str) -> String {
    let mut made = format!(
        "<!-- Made from wit/{VERSION}/{name}.wit. A test compares them, and rewrites this page. -->\n# {title}\n"
    );
    let mut text = String::new();
    let mut is_in_item = false;
    for line in wit.lines().filter(|line| line.trim() != OLDEST) {
        if is_in_item {
            made += &format!("{line}\n");
            is_in_item = line != "}";
            if !is_in_item {
                made += "```\n";
            }
        } else if let Some(of_text) = line.strip_prefix("///") {
            text += &format!("{}\n", of_text.strip_prefix(' ').unwrap_or(of_text));
        } else if line.starts_with("package ") {
            made += &format!("\n{text}\n```wit\n{line}\n```\n");
            text.clear();
        } else if let Some(item) = line.strip_suffix(" {") {
            made += &format!("\n## {item}\n\n{text}\n```wit\n{line}\n");
            text.clear();
            is_in_item = true;
        } else if line.starts_with('@') {
            text += &format!(
                "\nNew in {}.\n",
                line.trim_start_matches("@since(version = ").trim_end_matches(')')
            );
        }
    }
    made
}
