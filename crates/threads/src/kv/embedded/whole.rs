//! The backend as a whole, for the engine of the main crate.

use std::path::Path;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

use super::environment::Disk;
use super::handle::Handle;
use super::options::Settings;
use super::registry::Directories;
use super::view::Snapshot;
use crate::kv::{Concurrency, Kv, KvError, ReadRunner, TransactionRunner};
use crate::sync::point;

/// A handle on the disk of a directory.
pub(crate) struct DiskKv {
    handle: Handle,
    disk: Disk,
}

impl DiskKv {
    pub(crate) fn open(directory: &Path) -> Self {
        let handle = Handle::open(&Directories::default(), directory, Settings(0)).expect("it opens");
        Self { handle, disk: Disk::of(directory) }
    }
}

impl Kv for DiskKv {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn concurrency(&self) -> Concurrency {
        Concurrency::Serial
    }

    fn is_led(&self) -> bool {
        true
    }

    fn run(&self, body: Arc<dyn TransactionRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        self.handle.run(body).boxed()
    }

    fn read(&self, body: Arc<dyn ReadRunner>) -> BoxFuture<'_, Result<(), KvError>> {
        async move {
            point();
            let view = Snapshot(self.disk.rows());
            body.run(&view).await;
            Ok(())
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.handle.close().boxed()
    }
}
