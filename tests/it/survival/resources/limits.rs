//! Limits on the process and rights on the directory.

use std::os::unix::fs::PermissionsExt;

use batondb::kv::KvError;

use crate::support::{commit, id, start, tags};
use crate::survival::resources::{engine, open, place, run};

/// Sets how many files the process may have open.
fn set_files_max(files: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls read or write the struct only, and change a limit of this process, which runs this test alone.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = files.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

#[test]
fn without_file_descriptors_nothing_opens_and_what_is_open_goes_on() {
    run(
        "survival::resources::limits::without_file_descriptors_nothing_opens_and_what_is_open_goes_on",
        "survival::resources::limits::a_child_without_file_descriptors",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_without_file_descriptors() {
    let Some((path, _)) = place() else { return };
    let engine = engine(&path).await;
    let generation = start(&engine, &id("a")).await.meta.generation;
    let head = commit(&engine, &id("a"), generation, batondb::types::Txid(0), 1..=3, 1).await.unwrap();
    let other = path.with_file_name("other");
    // From none at all to one too few, each time a step further into the opening.
    let in_use = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut opened = false;
    let mut refused = 0;
    for spare in 0..40 {
        set_files_max(in_use - 1 + spare);
        let result = open(&other, None);
        set_files_max(1_000);
        match result {
            Ok(kv) => {
                opened = true;
                drop(kv);
                break;
            }
            Err(KvError::Unavailable { detail }) => {
                assert!(detail.contains("Too many open files"), "{detail}");
                refused += 1;
            }
            Err(error) => panic!("{spare} to spare: {error:?}"),
        }
    }
    assert!(opened && refused > 2, "{refused} refused");
    // Below what is open: it stays open, and nothing else can be.
    set_files_max(3);
    let exported = engine.export_to(&id("a"), &path.with_file_name("copy")).await;
    let refused = exported.unwrap_err();
    assert_eq!(refused.code(), "ERR_UNAVAILABLE");
    let refused = refused.to_string();
    assert!(refused.contains("Too many open files") && refused.contains("copy"), "{refused}");
    commit(&engine, &id("a"), generation, head, 1..=3, 2).await.unwrap();
    assert_eq!(tags(&engine, &id("a"), generation, 3).await, [2; 3]);
    set_files_max(1_000);
    engine.export_to(&id("a"), &path.with_file_name("copy")).await.unwrap();
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    run(
        "survival::resources::limits::a_directory_that_may_not_be_written_is_named",
        "survival::resources::limits::a_child_that_may_not_write",
    );
}

#[test]
fn a_child_that_may_not_write() {
    let Some((path, _)) = place() else { return };
    std::fs::create_dir(&path).unwrap();
    let rights = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    rights(0o555);
    // The directories above are private to whoever made them.
    for above in path.ancestors().skip(1).take(2) {
        std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // SAFETY: asks for, and changes, who this process acts for; it runs this test alone.
    let is_root = unsafe { libc::geteuid() } == 0;
    // SAFETY: as above. Rights do not hold root back.
    assert!(!is_root || unsafe { libc::seteuid(65_534) } == 0);
    let Err(KvError::Unusable { detail }) = open(&path, None) else { panic!("it was written to") };
    assert!(detail.contains(path.to_str().unwrap()) && detail.contains("Permission denied"), "{detail}");
    // SAFETY: as above.
    assert!(!is_root || unsafe { libc::seteuid(0) } == 0);
    rights(0o755);
    drop(open(&path, None).unwrap());
}
