//! The files that hold what is in a database while it is on its way: who may read them, and what a process that is
//! killed leaves of them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use batondb::engine::Engine;
use batondb::env::SystemEnv;
use batondb::kv::faulty::{Fault, FaultyKv};

use crate::support::{Child, Place, child_arguments, commit, id, start, tell_parent};

/// The files of a directory, and who may do what with them.
fn modes(directory: &Path) -> BTreeMap<String, u32> {
    let entry = |entry: fs::DirEntry| {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        (entry.file_name().into_string().unwrap(), mode)
    };
    fs::read_dir(directory).unwrap().map(|found| entry(found.unwrap())).collect()
}

/// An engine, every operation of which waits until it is let go.
async fn held(place: &Place) -> (Engine, Arc<FaultyKv>) {
    let kv = FaultyKv::new(place.kv(), Arc::new(SystemEnv), |operation| {
        // The first one is that of the opening.
        (operation.number > 1).then_some(Fault::HoldBefore)
    });
    let kv = Arc::new(kv);
    (Engine::open(Arc::clone(&kv) as _, Arc::new(SystemEnv)).await.unwrap(), kv)
}

async fn made(place: &Place) {
    let engine = place.open().await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    commit(&engine, &id("a"), generation, batondb::types::Txid(0), 1..=3, 1).await.unwrap();
}

#[test]
fn an_export_is_private_until_it_is_whole_and_then_as_it_should_be() {
    Child::start("transfer::private_files::a_child_that_exports", &["run"]).finish();
}

/// In a process of its own, for all files of a process are made with one mask.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_exports() {
    if child_arguments().is_none() {
        return;
    }
    let mask = |mask| {
        // SAFETY: changes how this process makes files, and it runs this test alone.
        unsafe { libc::umask(mask) }
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("copy");
    let place = Place::memory();
    made(&place).await;
    let (engine, kv) = held(&place).await;
    let actor = id("a");
    let mut exports = 0;
    // The mask, the mode of a file that is replaced, and the mode that comes of it.
    for (bits, before, after) in
        [(0, None, 0o666), (0o027, None, 0o640), (0, Some(0o604), 0o604), (0, Some(0o600), 0o600)]
    {
        mask(bits);
        let _none = fs::remove_file(&file);
        if let Some(mode) = before {
            fs::write(&file, b"before").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        let look = async {
            exports += 1;
            kv.held(exports).await;
            let there = modes(directory.path());
            kv.release();
            there
        };
        let (exported, under_way) = tokio::join!(engine.export_to(&actor, &file), look);
        exported.unwrap();
        let mut expected = BTreeMap::from([("copy.baton-partial".to_owned(), 0o600)]);
        expected.extend(before.map(|mode| ("copy".to_owned(), mode)));
        assert_eq!(under_way, expected);
        assert_eq!(modes(directory.path()), BTreeMap::from([("copy".to_owned(), after)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_export_leaves_goes_with_the_next_one_and_not_before() {
    let (place, directory) = (Place::embedded_for_processes(), tempfile::tempdir().unwrap());
    let copies = directory.path();
    let (file, names) = (copies.join("copy"), || modes(copies).into_keys().collect::<Vec<_>>());
    made(&place).await;
    let engine = place.open().await;
    let arguments = [&place.address(), file.to_str().unwrap()];
    let mut child =
        Child::start("transfer::private_files::a_child_that_is_killed_while_it_exports", &arguments);
    assert_eq!(child.hear().as_deref(), Some("held"));
    assert_eq!(names(), ["copy.baton-partial"]);
    engine.export_to(&id("a"), &file).await.unwrap();
    assert_eq!(names(), ["copy", "copy.baton-partial"], "of an export that goes on");
    child.kill();
    engine.export_to(&id("a"), &copies.join("other")).await.unwrap();
    assert_eq!(names(), ["copy", "copy.baton-partial", "other"]);
    engine.export_to(&id("a"), &file).await.unwrap();
    assert_eq!(names(), ["copy", "other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_killed_while_it_exports() {
    let Some(arguments) = child_arguments() else { return };
    let [store, file] = arguments.as_slice() else { panic!("{arguments:?}") };
    let (engine, kv) = held(&Place::at(store)).await;
    let actor = id("a");
    let tell = async {
        kv.held(1).await;
        tell_parent("held");
    };
    let (_exported, ()) = tokio::join!(engine.export_to(&actor, Path::new(file)), tell);
}
