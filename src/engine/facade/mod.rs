//! The methods of [`Engine`], by whom they serve. Each names the operation, its event and its numbers.

mod actors;
mod inspection;
mod transfers;

use super::Engine;
