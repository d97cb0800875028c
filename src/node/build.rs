//! How the addon was built, for whoever measures it.

use napi_derive::napi;

/// `release`, or `debug` for one that is several times as slow.
#[napi]
pub fn build_profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
