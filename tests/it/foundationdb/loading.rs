//! What is loaded as the client library, and what is not: libraries of every kind of wrong, and one that notes which of
//! its functions are called.
//!
//! A process loads one library for good, so each list of libraries has a process of its own.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use batondb::kv::KvError;
use batondb::kv::foundationdb::{FoundationDbKv, FoundationDbOptions};

use crate::support::{Child, child_arguments, tell_parent};

const LOADS: &str = "foundationdb::loading::a_child_that_loads";
const MAX_VERSION: &str = "fdb_get_max_api_version";
const SELECT_VERSION: &str = "fdb_select_api_version_impl";
/// The declarations, which name every function that is looked up.
const DECLARATIONS: &str = include_str!("../../../crates/foundationdb-sys/src/api.rs");

/// In a child: opens a store with each of the libraries, one after the other, and tells what was answered.
#[test]
fn a_child_that_loads() {
    let Some(libraries) = child_arguments() else { return };
    for library in libraries {
        let options =
            FoundationDbOptions { client_library: Some(library.into()), ..FoundationDbOptions::new("test") };
        match FoundationDbKv::open(&options) {
            Err(KvError::Unavailable { detail } | KvError::Unusable { detail }) => tell_parent(&detail),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("{options:?} was taken"),
        }
    }
    tell_parent("end");
}

/// What is answered to each library, in one process.
fn load(libraries: &[&Path]) -> Vec<String> {
    let libraries: Vec<&str> = libraries.iter().map(|path| path.to_str().unwrap()).collect();
    let mut child = Child::start(LOADS, &libraries);
    let mut answers = Vec::new();
    loop {
        match child.hear().expect("the child says that it is at its end").as_str() {
            "end" => break,
            answer => answers.push(answer.to_owned()),
        }
    }
    child.finish();
    answers
}

fn functions() -> Vec<&'static str> {
    let (_, declarations) = DECLARATIONS.split_once("\nfunctions! {\n").unwrap();
    let names = declarations.lines().filter_map(|line| Some(line.trim().split_once('(')?.0));
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 40 && names.iter().all(|name| name.starts_with("fdb_")), "{names:?}");
    names
}

/// Compiles a shared library.
fn compile(directory: &Path, name: &str, source: &str) -> PathBuf {
    let (file, library) = (directory.join(format!("{name}.c")), directory.join(format!("{name}.so")));
    fs::write(&file, source).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&file);
    assert!(command.status().expect("there is a C compiler").success());
    library
}

/// A library in which every function ends the process, but for the one that says how new it is.
fn mine(api_version: u32, functions: &[&str]) -> String {
    let mut source = "#include <stdlib.h>\n".to_owned();
    for name in functions {
        match *name {
            MAX_VERSION => writeln!(source, "int {name}(void) {{ return {api_version}; }}").unwrap(),
            _ => writeln!(source, "void {name}(void) {{ abort(); }}").unwrap(),
        }
    }
    source
}

#[test]
fn what_is_no_client_library_is_refused_by_name_and_another_one_may_be_tried() {
    let scratch = tempfile::tempdir().unwrap();
    let all = functions();
    let but =
        |left_out: &[&str]| all.iter().copied().filter(|name| !left_out.contains(name)).collect::<Vec<_>>();
    let library = |name: &str, source: &str| compile(scratch.path(), name, source);
    let text = scratch.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    let two = ["fdb_transaction_watch", "fdb_future_get_key"];
    let cases = [
        (scratch.path().join("missing.so"), "cannot be loaded"),
        (text, "cannot be loaded"),
        (library("other", &mine(730, &but(&[MAX_VERSION]))), "it lacks fdb_get_max_api_version"),
        (
            library("old", &mine(710, &all)),
            "too old: it speaks the FoundationDB API up to version 710, needed is 730",
        ),
        (library("one", &mine(730, &but(&two[..1]))), "it lacks fdb_transaction_watch."),
        (library("two", &mine(800, &but(&two))), "it lacks fdb_future_get_key and 1 more functions"),
    ];
    let paths: Vec<&Path> = cases.iter().map(|(path, _)| path.as_path()).collect();
    let answers = load(&paths);
    assert_eq!(answers.len(), cases.len());
    for ((path, reason), answer) in cases.iter().zip(&answers) {
        assert!(answer.contains(path.to_str().unwrap()), "{answer}");
        assert!(answer.contains(reason), "{answer}");
        assert!(answer.contains("Install the FoundationDB clients package"), "{answer}");
    }
}

/// A library that notes each call in a file, and has no cluster.
fn noting(notes: &Path) -> String {
    let mut source = format!(
        "#include <stdio.h>\n#include <unistd.h>\n\
         static volatile int stopped;\n\
         static void note(const char *name) {{\n\
           FILE *file = fopen(\"{}\", \"a\"); fprintf(file, \"%s\\n\", name); fclose(file);\n\
         }}\n",
        notes.display()
    );
    for name in functions() {
        let (result, body) = match name {
            MAX_VERSION => ("int", "return 730;"),
            "fdb_get_client_version" => ("const char *", "return \"7.3.0,source,protocol\";"),
            "fdb_get_error" => ("const char *", "return \"there is no cluster\";"),
            "fdb_run_network" => ("int", "while (!stopped) usleep(1000); return 0;"),
            "fdb_stop_network" => ("int", "stopped = 1; return 0;"),
            "fdb_create_database" => ("int", "return 1500;"),
            _ => ("long", "return 0;"),
        };
        writeln!(source, "{result} {name}(void) {{ note(\"{name}\"); {body} }}").unwrap();
    }
    source
}

#[test]
fn the_api_version_comes_first_and_the_end_of_the_network_last() {
    let scratch = tempfile::tempdir().unwrap();
    let old = compile(scratch.path(), "old", &mine(710, &functions()));
    let notes = scratch.path().join("notes");
    let noting = compile(scratch.path(), "noting", &noting(&notes));
    // After a failure, and a second time, which starts nothing again. Then nothing else can be loaded.
    let answers = load(&[&old, &noting, &noting, &old]);
    assert!(answers[0].contains("too old"), "{answers:?}");
    assert!(answers[1].contains("there is no cluster (1500)"), "{answers:?}");
    assert_eq!(answers[1], answers[2]);
    assert!(answers[3].contains("already") && answers[3].contains(noting.to_str().unwrap()), "{answers:?}");

    let notes = fs::read_to_string(notes).unwrap();
    let calls: Vec<&str> = notes.lines().collect();
    let first = |name: &str| {
        let found = calls.iter().position(|call| *call == name);
        found.unwrap_or_else(|| panic!("{name} was not called: {calls:?}"))
    };
    let selected = first(SELECT_VERSION);
    // The real library crashes in any other function before that, `fdb_get_client_version` included.
    assert!(calls[..selected].iter().all(|call| *call == MAX_VERSION), "{calls:?}");
    let order = ["fdb_setup_network", "fdb_run_network", "fdb_stop_network"].map(first);
    assert!(selected < order[0] && order.is_sorted(), "{calls:?}");
    assert!(first("fdb_setup_network") < first("fdb_create_database"), "{calls:?}");
    assert_eq!(calls.last(), Some(&"fdb_stop_network"));
    for once in [SELECT_VERSION, "fdb_setup_network", "fdb_run_network", "fdb_stop_network"] {
        assert_eq!(calls.iter().filter(|call| **call == once).count(), 1, "{once}: {calls:?}");
    }
}
