//! The runtime that all stores of the process share, and how calls get onto it and back.
//!
//! Reads run inline on the runtime's workers (they take microseconds), so there are a few more workers than a
//! small machine has cores: a worker that waits for a page from disk does not block the others.

use std::any::Any;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use napi::bindgen_prelude::{Either, Env, PromiseRaw, ToNapiValue, create_custom_tokio_runtime};
use napi_derive::napi;
use tokio::runtime::{self, Builder, Handle, Runtime};

use super::error::Failure;
use crate::database::Pool;

/// The minimum number of workers, even on a machine with fewer cores.
const WORKERS_MIN: usize = 4;

/// Runs once in each thread of Node that loads the addon, before any other function of it.
#[napi(module_exports)]
fn load(_env: Env) -> napi::Result<()> {
    static LOADED: AtomicBool = AtomicBool::new(false);
    if !LOADED.swap(true, Ordering::SeqCst) {
        create_custom_tokio_runtime(build()?);
    }
    Ok(())
}

/// How many threads can run at once, by the machine and by the affinities and quotas of this process.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn build() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(cores().max(WORKERS_MIN))
        .thread_name_fn(|| {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            // Linux shows 15 characters of a thread's name.
            format!("baton-{}", NEXT.fetch_add(1, Ordering::Relaxed))
        })
        .enable_time()
        .build()
}

/// The most SQL threads of the process. About as many as there are cores run at once; the others wait for the store.
const SQL_THREADS_MAX: usize = 64;

/// The SQL threads that all stores of the process share. Called on the runtime.
///
/// napi-rs ends the runtime with the last Node thread that has the addon loaded, and creates another one for
/// the next. The timers and tasks of SQL threads belong to one runtime, so each runtime has its own threads;
/// those of the previous one end after they have been idle for a while.
pub(super) fn sql_pool() -> Arc<Pool> {
    static POOL: Mutex<Option<(runtime::Id, Arc<Pool>)>> = Mutex::new(None);
    let here = Handle::current();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    match &*pool {
        Some((id, pool)) if *id == here.id() => Arc::clone(pool),
        _ => {
            // One more than there are cores, since one of them flushes.
            let (id, new) = (here.id(), Pool::new(cores() + 1, SQL_THREADS_MAX, cores() > 1, here));
            *pool = Some((id, Arc::clone(&new)));
            new
        }
    }
}

/// Runs `work` on the runtime. The promise resolves to its result, or to a failure. `panicked` says what a
/// panic inside `work` means for the caller.
pub(super) fn answer<T, E>(
    env: &Env,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
    panicked: impl FnOnce(String) -> E + Send + 'static,
) -> napi::Result<PromiseRaw<'_, Either<T, Failure>>>
where
    T: ToNapiValue + Send + 'static,
    E: Into<Failure> + 'static,
{
    env.spawn_future(async move {
        Ok(match contained(work, panicked).await {
            Ok(result) => Either::A(result),
            Err(error) => Either::B(error.into()),
        })
    })
}

/// `work`, with a panic turned into an error. The engine keeps no state in memory that a panic could leave
/// inconsistent (stored data changes only by transactions), which justifies the assertion of unwind safety.
async fn contained<T, E>(
    work: impl Future<Output = Result<T, E>>,
    panicked: impl FnOnce(String) -> E,
) -> Result<T, E> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|payload| Err(panicked(panic_message(payload.as_ref()))))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("a bug in batondb, please report it: {text}")
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::engine::StoreError;

    /// Only Node calls it, so a test build would otherwise report it as unused.
    const _: fn(Env) -> napi::Result<()> = load;

    #[test]
    fn a_panic_is_an_error_that_carries_its_message() {
        let work = async { if true { panic!("page {} fell off", 7) } else { Ok(()) } };
        let error = block_on(contained(work, StoreError::Unavailable)).unwrap_err();
        assert_eq!(error.code(), "ERR_UNAVAILABLE");
        assert!(error.to_string().contains("page 7 fell off"), "{error}");
    }

    #[test]
    fn a_panic_without_text_is_an_error_too() {
        let work = async { if true { std::panic::panic_any(7_u8) } else { Ok(()) } };
        let error = block_on(contained(work, StoreError::Unavailable)).unwrap_err();
        assert!(error.to_string().contains("no message"), "{error}");
    }

    #[test]
    fn what_does_not_panic_is_left_alone() {
        assert_eq!(block_on(contained(async { Ok(7) }, StoreError::Unavailable)), Ok(7));
        let refused =
            block_on(contained(async { Err::<(), _>(StoreError::Closed) }, StoreError::Unavailable));
        assert_eq!(refused, Err(StoreError::Closed));
    }

    #[test]
    fn the_runtime_has_named_workers() {
        let runtime = build().unwrap();
        let name = runtime.block_on(async {
            tokio::spawn(async { std::thread::current().name().map(str::to_owned) }).await.unwrap()
        });
        assert!(name.as_deref().is_some_and(|name| name.starts_with("baton-")), "{name:?}");
        assert!(runtime.metrics().num_workers() >= WORKERS_MIN);
    }
}
