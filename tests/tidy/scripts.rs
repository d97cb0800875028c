//! The house rules for the JavaScript in `lib/`: its folders build on each other, no file knows another in a circle, and
//! files and functions stay short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::imports::circle;
use crate::{SOURCE_LINES_MAX, none};

const FUNCTION_LINES_MAX: usize = 70;

/// What lies in `lib/`, in the order in which it builds on each other: each may use what stands above it.
const ORDER: &[&str] = &[
    "error.js",
    "signals.js",
    "abort.js",
    "arguments",
    "addon",
    "results",
    "observe",
    "database",
    "store",
    "cli",
];

struct Script {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl Script {
    /// The files of `lib/` that it loads.
    fn loads(&self) -> impl Iterator<Item = String> {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new("")).to_owned();
        // JSDoc names types by `import('…')`, which loads nothing.
        let loaded = self.text.split("require('.").skip(1).filter_map(|rest| rest.split_once('\''));
        loaded
            .map(move |(path, _)| normal(&folder.join(format!(".{path}"))))
            .filter(|path| path.starts_with("lib/"))
    }

    /// Functions with their first lines and lengths, told by the brace that closes at the same indentation.
    fn functions(&self) -> Vec<(usize, usize)> {
        const OTHERS: [&str; 11] =
            ["?", ":", "if", "for", "while", "switch", "try", "class", "do", "}", "return {"];
        let lines: Vec<&str> = self.text.lines().collect();
        let mut found = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_function = code.ends_with(") {") || code.ends_with("=> {");
            if !is_function || OTHERS.iter().any(|word| code.starts_with(word)) {
                continue;
            }
            let end = format!("{}}}", &line[..line.len() - code.len()]);
            if let Some(length) = lines[at + 1..].iter().position(|line| line.starts_with(&end)) {
                found.push((at + 1, length + 2));
            }
        }
        found
    }
}

/// The path without `.` and `..`, with slashes.
fn normal(path: &Path) -> String {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts.to_string_lossy().replace('\\', "/")
}

fn scripts() -> Vec<Script> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("lib")];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()))
        {
            let path =
                entry.unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display())).path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "js") {
                let text = fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
                let path = normal(path.strip_prefix(root).unwrap_or(&path));
                found.push(Script { path, text });
            }
        }
    }
    assert!(found.len() > 50, "lib/ has {} files", found.len());
    found
}

/// Which of [`ORDER`] a path belongs to.
fn place(path: &str) -> Option<usize> {
    let entry = path.strip_prefix("lib/")?.split('/').next()?;
    ORDER.iter().position(|known| *known == entry)
}

#[test]
fn folders_of_lib_build_on_each_other() {
    let mut findings = Vec::new();
    for script in scripts() {
        let Some(own) = place(&script.path) else {
            findings.push(format!("{} is not in the list of this test", script.path));
            continue;
        };
        let above = script.loads().filter(|path| place(path).is_none_or(|place| place > own));
        findings.extend(above.map(|path| format!("{} loads {path}", script.path)));
    }
    none("each folder of lib/ loads the ones above it in the list", &findings);
}

#[test]
fn no_script_is_in_a_circle() {
    let arrows: BTreeSet<(String, String)> = scripts()
        .iter()
        .flat_map(|script| script.loads().map(|path| (script.path.clone(), path)).collect::<Vec<_>>())
        .collect();
    assert!(arrows.len() > 100, "the search for loads finds {}", arrows.len());
    none("files of lib/ load each other one way", &circle(arrows.iter()).into_iter().collect::<Vec<_>>());
}

#[test]
fn scripts_and_their_functions_are_short() {
    let mut findings = Vec::new();
    let mut counted = BTreeMap::new();
    for script in scripts() {
        let lines = script.text.lines().count();
        if lines > SOURCE_LINES_MAX {
            findings.push(format!("{}: {lines} lines, at most {SOURCE_LINES_MAX}", script.path));
        }
        let functions = script.functions();
        for (line, length) in functions.iter().filter(|(_, length)| *length > FUNCTION_LINES_MAX) {
            findings.push(format!("{}:{line}: {length} lines, at most {FUNCTION_LINES_MAX}", script.path));
        }
        counted.insert(script.path, functions.len());
    }
    assert!(counted.values().sum::<usize>() > 300, "the search for functions finds {counted:?}");
    none("long files and functions want to be two", &findings);
}
