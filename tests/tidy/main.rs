//! The rules of the house that no lint knows: headers, file lengths, layers, leftovers. They are plain text
//! searches, so that a newcomer reads from the failure what to change and where.

mod imports;
mod scripts;

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

const SOURCE_LINES_MAX: usize = 400;
const TEST_LINES_MAX: usize = 600;

/// Each layer and the ones it may use, itself included. Dependencies point down this list only.
const LAYERS: &[(&str, &[&str])] = &[
    ("node", &["node", "database", "engine", "kv", "metrics", "types", "env", "sync"]),
    ("database", &["database", "planted", "engine", "metrics", "types", "env", "blocking", "sync"]),
    ("engine", &["engine", "planted", "plan", "codec", "kv", "metrics", "types", "env", "sync"]),
    ("plan", &["plan", "planted", "codec", "types"]),
    ("codec", &["codec", "planted", "kv", "types"]),
    ("kv", &["kv", "env", "blocking", "sync"]),
    ("types", &["types"]),
    ("env", &["env", "types", "blocking"]),
    ("metrics", &["metrics"]),
    ("planted", &["planted"]),
    ("blocking", &["blocking", "sync"]),
    ("sync", &["sync"]),
];

/// The folders of a layer, and its files, in the order in which they build on each other: each may use those above it.
const FOLDERS: &[(&str, &[&str])] = &[
    (
        "engine",
        &[
            "error",
            "api",
            "runtime",
            "read",
            "retention",
            "commit",
            "history",
            "ownership",
            "transfer",
            "inspect",
            "open",
            "mod",
            "facade",
        ],
    ),
    (
        "database",
        &[
            "sqlite",
            "error",
            "interrupt",
            "call",
            "stats",
            "keywords",
            "limited",
            "commits",
            "commits",
            "pages",
            "vfs",
            "session",
            "schedule",
            "recover",
            "open",
            "mod",
        ],
    ),
];

/// Marks of unfinished work and of debugging. In pieces, so that this file may be searched as well.
const LEFTOVERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];

/// Where files lie on somebody's machine, and nowhere else.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("C", ":\\"),
];

struct Source {
    /// From the crate's root, with slashes.
    path: String,
    text: String,
}

impl Source {
    fn layer(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs"))
    }

    /// Its lines, numbered from 1, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.numbered().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Its lines of code above the modules for tests alone, which stand at the end of a file.
    fn shipped_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|two| two[0] == "#[cfg(test)]" && two[1].contains("mod ") && two[1].ends_with('{'));
        let end = tests.map_or(usize::MAX, |index| index + 1);
        self.code().take_while(move |(number, _)| *number < end)
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All Rust files below a directory of the crate, in the order of their names.
fn sources(directory: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    read_below(root, &root.join(directory), &mut found)
        .unwrap_or_else(|error| panic!("cannot read {directory}: {error}"));
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "there is no Rust file in {directory}");
    found
}

fn read_below(root: &Path, directory: &Path, found: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read_below(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(Source { path: inside, text: fs::read_to_string(&path)? });
        }
    }
    Ok(())
}

/// Fails with all findings at once.
fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// The modules of this crate that a line names: `crate::engine`, `crate::{engine, plan}`.
fn modules_named(line: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, prefix) in line.match_indices("crate::") {
        let rest = &line[at + prefix.len()..];
        // `$crate::` is how a macro says `crate::`; `batondb_crate::` would be another word.
        if line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        if let Some(group) = rest.strip_prefix('{') {
            named.extend(group.split(',').map(first_word).filter(|word| !word.is_empty()));
        } else {
            named.push(first_word(rest));
        }
    }
    named
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

#[test]
fn every_file_says_what_it_is_for() {
    let findings: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(sources)
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    none("the first line of each file is a `//!` header", &findings);
}

#[test]
fn no_file_is_too_long() {
    let mut findings = Vec::new();
    for (directory, lines_max) in [("src", SOURCE_LINES_MAX), ("tests", TEST_LINES_MAX)] {
        for source in sources(directory) {
            let lines = source.text.lines().count();
            if lines > lines_max {
                findings.push(format!("{}: {lines} lines, at most {lines_max}", source.path));
            }
        }
    }
    none("long files want to be two", &findings);
}

#[test]
fn dependencies_point_down() {
    let mut findings = Vec::new();
    for source in sources("src") {
        let Some(layer) = source.layer().filter(|layer| *layer != "lib") else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            findings.push(format!("{}: the layer {layer} is not in the list of this test", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for module in modules_named(line) {
                let is_layer = LAYERS.iter().any(|(name, _)| *name == module);
                if is_layer && !allowed.contains(&module) {
                    findings.push(format!("{}:{number}: {layer} uses {module}", source.path));
                }
            }
        }
    }
    none("node -> database -> engine -> plan -> codec, kv -> types", &findings);
}

#[test]
fn folders_build_on_each_other() {
    let imports = imports::Imports::of(&sources("src"));
    let mut findings = Vec::new();
    for (layer, order) in FOLDERS {
        let place = |entry: &str| order.iter().position(|known| *known == entry);
        for ((from, to), module) in imports.inside(&[(*layer).to_owned()]) {
            match (place(&from), place(&to)) {
                (Some(own), Some(other)) if other < own => {}
                (Some(_), Some(_)) => findings.push(format!("{}: {from} uses {to}", module.join("::"))),
                (None, _) => findings.push(format!("{layer}/{from} is not in the list of this test")),
                (_, None) => findings.push(format!("{layer}/{to} is not in the list of this test")),
            }
        }
    }
    none("the folders of a layer use the ones above them in the list", &findings);
}

#[test]
fn no_folder_has_a_circle() {
    let sources = sources("src");
    let imports = imports::Imports::of(&sources);
    let folders: BTreeSet<Vec<String>> = imports
        .of
        .keys()
        .flat_map(|module| (1..module.len()).map(|length| module[..length].to_vec()))
        // Of a file and the folder of its parts, the file is what holds them together.
        .filter(|folder| !sources.iter().any(|source| source.path == format!("src/{}.rs", folder.join("/"))))
        .collect();
    let mut findings = Vec::new();
    for folder in folders {
        let arrows = imports.inside(&folder);
        if let Some(circle) = imports::circle(arrows.keys()) {
            findings.push(format!("src/{}: {circle}", folder.join("/")));
        }
    }
    none("files of a folder know each other one way", &findings);
}

#[test]
fn only_the_node_layer_knows_node() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| source.layer() != Some("node")) {
        for (number, line) in source.code() {
            if line.contains("napi::") || line.contains("napi_derive") || line.contains("#[napi") {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none("napi is for src/node", &findings);
}

#[test]
fn nothing_is_left_over() {
    let mut findings = Vec::new();
    for source in ["src", "tests"].into_iter().flat_map(sources) {
        for (number, line) in source.numbered() {
            for leftover in LEFTOVERS.iter().chain(MACHINE_PATHS).filter(|word| line.contains(**word)) {
                findings.push(format!("{}:{number}: {leftover}", source.path));
            }
        }
    }
    none("unfinished work and paths of one machine stay out of commits", &findings);
}

#[test]
fn shipped_code_does_not_unwrap() {
    let mut findings = Vec::new();
    for source in sources("src") {
        for (number, line) in source.shipped_code() {
            if line.contains(".unwrap()") {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    none("an addon that panics takes a call of its user down", &findings);
}

#[test]
fn the_search_for_layers_finds_them() {
    assert_eq!(modules_named("use crate::engine::Store;"), ["engine"]);
    assert_eq!(modules_named("use crate::{codec::Key, node};"), ["codec", "node"]);
    assert_eq!(modules_named("pub(crate) fn go(at: crate::kv::View) -> $crate::env::Env"), ["kv", "env"]);
    assert!(modules_named("use my_crate::engine;").is_empty());
}
