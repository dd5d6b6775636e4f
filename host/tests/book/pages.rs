//! Reads pages in Markdown.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folders with pages. The root has one too.
const FOLDERS: [&str; 8] = ["docs", "deploy", "examples", "host", "plugins", "tests", "wire", "wit"];

/// Folders that are not the project's.
const NOT_OURS: [&str; 4] = ["target", "node_modules", ".venv", "book"];

/// A page: its path from the root of the clone, and its text.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A block of code between two fences.
pub(crate) struct Block {
    /// The line of the first fence, from 1.
    pub(crate) line: usize,
    /// The first word after the fence.
    pub(crate) language: String,
    /// The word after the language, or an empty text: what the block is a part of.
    pub(crate) part_of: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Returns every page of the clone.
pub(crate) fn all() -> Vec<Page> {
    let mut paths = vec![root().join("README.md")];
    for folder in FOLDERS {
        gather(&root().join(folder), &mut paths);
    }
    let read = |path: PathBuf| Page {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
    };
    paths.into_iter().map(read).collect()
}

/// Returns the pages of the book.
pub(crate) fn of_book() -> Vec<Page> {
    all().into_iter().filter(|page| page.path.starts_with("docs/")).collect()
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let is_ours = !NOT_OURS.iter().any(|name| path.ends_with(name));
        if path.is_dir() && !path.is_symlink() && is_ours {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

impl Page {
    /// Returns the blocks of code, and the text without them, in which each line is where it was.
    fn parts(&self) -> (Vec<Block>, String) {
        let (mut blocks, mut prose) = (Vec::new(), String::new());
        let mut lines = (1..).zip(self.text.lines());
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else {
                prose += line;
                prose.push('\n');
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let mut words = info.split_whitespace().map(str::to_owned);
            let (language, part_of) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            prose.push('\n');
            let mut text = String::new();
            for (_, line) in lines.by_ref() {
                prose.push('\n');
                if line.trim() == "```" {
                    break;
                }
                text += line.get(indent..).unwrap_or_default();
                text.push('\n');
            }
            blocks.push(Block { line: number, language, part_of, text });
        }
        (blocks, prose)
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.parts().0
    }

    /// Returns the texts between single backticks, each with its line.
    pub(crate) fn codes(&self) -> Vec<(usize, String)> {
        let prose = self.parts().1;
        let of_line = |(number, line): (usize, &str)| -> Vec<(usize, String)> {
            line.split('`').skip(1).step_by(2).map(|code| (number, code.to_owned())).collect()
        };
        (1..).zip(prose.lines()).flat_map(of_line).collect()
    }

    /// Returns the targets of links, each with its line.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let prose = self.parts().1;
        let of_line = |(number, line): (usize, &str)| -> Vec<(usize, String)> {
            let without_code: String = line.split('`').step_by(2).collect();
            let targets = without_code.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            targets.map(|target| (number, target.to_owned())).collect()
        };
        (1..).zip(prose.lines()).flat_map(of_line).collect()
    }

    /// Returns the names under which links find the headings.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let prose = self.parts().1;
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| -> String {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }
}

/// Scenario: a page with a heading, links, code in a line and a block.
/// Guarantees: each part is found, with its line, and what looks like a part inside code is not.
#[test]
fn a_page_is_read() {
    let text = "# A `b`: c\n[x](y.md#z) `[n](o)`\n\n- list\n  ```yaml processors\n  a: [x](y)\n  ```\n`d`\n";
    let page = Page { path: String::new(), text: text.to_owned() };
    let block = &page.blocks()[0];
    assert_eq!((block.line, block.language.as_str(), block.part_of.as_str()), (5, "yaml", "processors"));
    assert_eq!(block.text, "a: [x](y)\n");
    assert_eq!(page.links(), [(2, "y.md#z".to_owned())]);
    assert_eq!(page.codes(), [(1, "b".to_owned()), (2, "[n](o)".to_owned()), (8, "d".to_owned())]);
    assert_eq!(page.anchors().into_iter().collect::<Vec<_>>(), ["a-b-c"]);
}
