//! The methods of [`Engine`], grouped by purpose. Each names its operation, its event and its metrics.

mod actors;
mod history;
mod inspection;
mod transfers;

use super::Engine;
