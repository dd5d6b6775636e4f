//! Links lead to files and headings that are there.

use std::path::{Component, Path, PathBuf};

use crate::{
    assert_none,
    pages::{self, Page, root},
};

/// Scenario: every link of every page that leads into this clone.
/// Guarantees: the file or folder is there, and so is the heading, if the link names one.
#[test]
fn every_link_leads_somewhere() {
    let pages = pages::all();
    let mut complaints = Vec::new();
    let mut links = 0;
    for page in &pages {
        for (line, target) in page.links() {
            if target.starts_with("https://") || target.starts_with("http://") {
                continue;
            }
            links += 1;
            if let Some(complaint) = wrong(page, &target, &pages) {
                complaints.push(format!("{}:{line}: {complaint}", page.path));
            }
        }
    }
    assert!(links > 100, "{links}");
    assert_none(&complaints);
}

/// Returns what is wrong with a link, if anything.
fn wrong(page: &Page, target: &str, pages: &[Page]) -> Option<String> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => PathBuf::from(&page.path),
        file => plain(&Path::new(&page.path).parent().unwrap().join(file)),
    };
    if !root().join(&path).exists() {
        return Some(format!("`{target}` is not there"));
    }
    if heading.is_empty() {
        return None;
    }
    let led_to = pages.iter().find(|page| Path::new(&page.path) == path);
    let has_heading = led_to.is_some_and(|page| page.anchors().contains(heading));
    (!has_heading).then(|| format!("`{target}`: the page has no such heading"))
}

/// Returns the path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
