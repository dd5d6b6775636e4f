//! The list of the book's pages.

use std::{collections::BTreeSet, fs};

use crate::pages::{self, root};

/// The list of pages, which mdBook reads.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Scenario: the summary of the book, and the pages in its folder.
/// Guarantees: the summary lists every page once, and nothing else.
#[test]
fn the_summary_lists_every_page_once() {
    let pages = pages::of_book();
    let summary = pages.iter().find(|page| page.path == SUMMARY).expect("a summary");
    let listed: Vec<String> = summary.links().into_iter().map(|(_, path)| format!("docs/{path}")).collect();
    let there: BTreeSet<&str> =
        pages.iter().map(|page| page.path.as_str()).filter(|path| *path != SUMMARY).collect();
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), there);
    assert_eq!(listed.len(), there.len(), "a page is listed twice: {listed:?}");
    assert!(fs::read_to_string(root().join("docs/book.toml")).unwrap().contains("src = \".\""));
}

/// Scenario: the beginning of every page of the book.
/// Guarantees: each page begins with its title, but for a comment that says what the page was made from.
#[test]
fn every_page_begins_with_its_title() {
    for page in pages::of_book() {
        let first = page.text.lines().find(|line| !line.starts_with("<!--"));
        assert!(first.is_some_and(|line| line.starts_with("# ")), "{}: {first:?}", page.path);
    }
}
