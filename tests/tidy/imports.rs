//! Which modules of the crate each file uses, as plain text says it: `use` trees, and paths in code.

use std::collections::{BTreeMap, BTreeSet};

use crate::Source;

/// A module's path from the crate's root, such as `["engine", "commit"]`.
pub type Module = Vec<String>;

/// What each module uses of the others. Code for tests alone, and re-exports, do not count: a facade shows what lies
/// below it and needs none of it.
pub struct Imports {
    pub of: BTreeMap<Module, BTreeSet<Module>>,
}

impl Imports {
    pub fn of(sources: &[Source]) -> Self {
        let known: BTreeSet<Module> = sources.iter().map(|source| module(&source.path)).collect();
        let of = sources.iter().map(|source| {
            let own = module(&source.path);
            let mut used: BTreeSet<Module> = paths_named(&shipped_text(source))
                .iter()
                .filter_map(|path| resolve(&own, path, &known))
                .collect();
            used.remove(&own);
            (own, used)
        });
        Self { of: of.collect() }
    }

    /// The arrows between the direct entries of a folder, each with one of the modules that it comes from. A file and
    /// the folder of the same name are one entry; what `mod.rs` itself holds is the entry `mod`.
    pub fn inside(&self, folder: &[String]) -> BTreeMap<(String, String), Module> {
        let mut arrows = BTreeMap::new();
        for (from, used) in &self.of {
            let Some(own) = entry(folder, from) else { continue };
            for to in used.iter().filter_map(|to| entry(folder, to)) {
                if to != own {
                    arrows.entry((own.clone(), to)).or_insert_with(|| from.clone());
                }
            }
        }
        arrows
    }
}

/// The entry of a folder that a module belongs to; `None` if it lies elsewhere.
fn entry(folder: &[String], module: &[String]) -> Option<String> {
    let inside = module.strip_prefix(folder)?;
    Some(inside.first().cloned().unwrap_or_else(|| "mod".to_owned()))
}

/// The module that a file below `src/` is.
fn module(path: &str) -> Module {
    let inside = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    if inside == "lib" { Vec::new() } else { inside.split('/').map(str::to_owned).collect() }
}

fn shipped_text(source: &Source) -> String {
    let mut text = String::new();
    for (_, line) in source.shipped_code() {
        text.push_str(line.split("//").next().unwrap_or(""));
        text.push('\n');
    }
    text
}

/// The paths of this crate that a text names, `use` trees spread out.
fn paths_named(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut code = String::new();
    for statement in text.split_inclusive(';') {
        match use_tree(statement) {
            // A re-export.
            Some((true, before, _)) => code.push_str(before),
            Some((false, before, tree)) => {
                code.push_str(before);
                spread("", tree, &mut paths);
            }
            None => code.push_str(statement),
        }
    }
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(root) {
            // Not `$crate::`, and not the end of another word or path; `pub(in crate::x)` names no use.
            let before = &code[..at];
            if before.ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c))
                || before.ends_with("(in ")
            {
                continue;
            }
            let end = code[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            paths.push(code[at..end.map_or(code.len(), |end| at + end)].trim_end_matches(':').to_owned());
        }
    }
    paths
}

/// Whether a statement ends with a `use`: whether it is a re-export, what stands before it, and its tree.
fn use_tree(statement: &str) -> Option<(bool, &str, &str)> {
    let (at, _) = statement.match_indices("use ").find(|(at, _)| {
        let before = statement[..*at].trim_end_matches(' ');
        before.is_empty() || before.ends_with(['\n', '}', '{', ')']) || before.ends_with("pub")
    })?;
    let before = &statement[..at];
    let line = before.rsplit('\n').next().unwrap_or(before).trim_start();
    Some((line.starts_with("pub"), before, statement[at + 4..].trim_end_matches(';')))
}

/// `a::{b, c::{self, d}}` as `a::b`, `a::c` and `a::c::d`.
fn spread(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, body)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree).trim();
        paths.push(format!("{prefix}{name}").trim_end_matches("::self").to_owned());
        return;
    };
    let (prefix, body) = (format!("{prefix}{}", head.trim()), body.trim_end().trim_end_matches('}'));
    let (mut depth, mut start) = (0, 0);
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spread(&prefix, &body[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !body[start..].trim().is_empty() {
        // The last one keeps a brace of its own that was trimmed with the tree's.
        let last = body[start..].trim();
        let missing = last.matches('{').count() - last.matches('}').count();
        spread(&prefix, &format!("{last}{}", "}".repeat(missing)), paths);
    }
}

/// The module that a path, written in `own`, leads into.
fn resolve(own: &[String], path: &str, known: &BTreeSet<Module>) -> Option<Module> {
    let mut segments: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut full: Module = match *segments.first()? {
        "crate" => Vec::new(),
        "self" | "super" => own.to_vec(),
        _ => return None,
    };
    while let Some(&first) = segments.first() {
        match first {
            "super" => full.truncate(full.len().saturating_sub(1)),
            "crate" | "self" => {}
            _ => break,
        }
        segments.remove(0);
    }
    full.extend(segments.iter().map(|&segment| segment.to_owned()));
    (0..=full.len()).rev().map(|length| full[..length].to_vec()).find(|module| known.contains(module))
}

/// A way round, if there is one, as `a -> b -> a`.
pub fn circle<'a>(arrows: impl Iterator<Item = &'a (String, String)>) -> Option<String> {
    let mut to: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, target) in arrows {
        to.entry(from).or_default().push(target);
    }
    let mut done = BTreeSet::new();
    to.keys().find_map(|start| walk(start, &to, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    at: &'a str,
    to: &BTreeMap<&'a str, Vec<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<String> {
    if let Some(start) = way.iter().position(|before| *before == at) {
        return Some(format!("{} -> {at}", way[start..].join(" -> ")));
    }
    if done.contains(at) {
        return None;
    }
    way.push(at);
    let found = to.get(at).into_iter().flatten().find_map(|next| walk(next, to, way, done));
    way.pop();
    done.insert(at);
    found
}

#[test]
fn the_search_for_imports_finds_them() {
    let text = "use std::io;\npub use super::error::Failure;\nuse crate::engine::{read::{self, rows::Actor}, Engine};\n\
                pub(in crate::kv) fn go() -> super::Core { crate::plan::go() }\n";
    let mut found = paths_named(text);
    found.retain(|path| !path.starts_with("std"));
    let all = ["crate::engine::read", "crate::engine::read::rows::Actor", "crate::engine::Engine"];
    assert_eq!(found, [&all[..], &["crate::plan::go", "super::Core"]].concat());
    let known = ["engine", "engine/read", "engine/commit"].map(|path| module(&format!("src/{path}.rs")));
    let resolved = resolve(&known[2], "super::read::rows", &known.iter().cloned().collect());
    assert_eq!(resolved, Some(known[1].clone()));
}

#[test]
fn the_search_for_circles_finds_them() {
    let arrows = |all: &[(&str, &str)]| {
        let arrows: Vec<_> = all.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        circle(arrows.iter())
    };
    assert_eq!(arrows(&[("a", "b"), ("b", "c"), ("a", "c")]), None);
    assert_eq!(arrows(&[("a", "b"), ("b", "c"), ("c", "b")]).as_deref(), Some("b -> c -> b"));
}
