//! Types and functions of `fdb_c.h`. Each function forwards to the loaded library.
//!
//! # Safety
//!
//! Every function here is as unsafe as the C function of its name: pointers must be valid for it, and
//! `fdb_select_api_version_impl` comes before all others but `fdb_get_max_api_version`. Called before [`crate::load`]
//! has succeeded, each of them panics.

use std::ffi::{c_char, c_int, c_void};

use libloading::Library;

use crate::ending::enter;
use crate::load::api;
use crate::options::*;

/// The API version that the declarations here are of.
pub const FDB_API_VERSION: u32 = 730;

pub type fdb_error_t = c_int;
pub type fdb_bool_t = c_int;

macro_rules! opaque {
    ($($name:ident)*) => {$(
        /// Known to the library alone.
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque!(FDBFuture FDBDatabase FDBTransaction);

pub type FDBCallback = Option<unsafe extern "C" fn(future: *mut FDBFuture, callback_parameter: *mut c_void)>;

/// Packed as in the header.
#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBKey {
    pub key: *const u8,
    pub key_length: c_int,
}

#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBKeyValue {
    pub key: *const u8,
    pub key_length: c_int,
    pub value: *const u8,
    pub value_length: c_int,
}

#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBKeySelector {
    pub key: FDBKey,
    pub orEqual: fdb_bool_t,
    pub offset: c_int,
}

#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBGetRangeReqAndResult {
    pub begin: FDBKeySelector,
    pub end: FDBKeySelector,
    pub data: *mut FDBKeyValue,
    pub m_size: c_int,
    pub m_capacity: c_int,
}

#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBMappedKeyValue {
    pub key: FDBKey,
    pub value: FDBKey,
    pub getRange: FDBGetRangeReqAndResult,
    pub buffer: [u8; 32],
}

/// Declares the table of functions, how it is filled, and a function for each entry.
macro_rules! functions {
    ($($name:ident($($parameter:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        pub(crate) struct Api {
            $($name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Api {
            /// Finds every function in the library, or names those that are not there.
            pub(crate) fn find(library: &Library) -> Result<Self, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(
                    // SAFETY: the header declares a function of this type under this name, and the library is
                    // never unloaded.
                    let $name = unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) };
                    let $name = $name.map(|symbol| *symbol);
                    if $name.is_err() {
                        missing.push(stringify!($name));
                    }
                )*
                match ($($name,)*) {
                    ($(Ok($name),)*) => Ok(Self { $($name,)* }),
                    _ => Err(missing),
                }
            }
        }

        $(
            /// See the C API's documentation.
            ///
            /// # Safety
            ///
            /// As the C function.
            pub unsafe fn $name($($parameter: $type),*) $(-> $result)? {
                let _call = enter(stringify!($name));
                // SAFETY: the caller keeps the C function's conditions.
                unsafe { (api().$name)($($parameter),*) }
            }
        )*
    };
}

functions! {
    fdb_get_error(code: fdb_error_t) -> *const c_char;
    fdb_error_predicate(predicate_test: c_int, code: fdb_error_t) -> fdb_bool_t;
    fdb_get_max_api_version() -> c_int;
    fdb_get_client_version() -> *const c_char;
    fdb_select_api_version_impl(runtime_version: c_int, header_version: c_int) -> fdb_error_t;
    fdb_network_set_option(option: FDBNetworkOption, value: *const u8, value_length: c_int) -> fdb_error_t;
    fdb_setup_network() -> fdb_error_t;
    fdb_run_network() -> fdb_error_t;
    fdb_stop_network() -> fdb_error_t;
    fdb_future_destroy(f: *mut FDBFuture);
    fdb_future_is_ready(f: *mut FDBFuture) -> fdb_bool_t;
    fdb_future_set_callback(f: *mut FDBFuture, callback: FDBCallback, callback_parameter: *mut c_void) -> fdb_error_t;
    fdb_future_get_error(f: *mut FDBFuture) -> fdb_error_t;
    fdb_future_get_int64(f: *mut FDBFuture, out: *mut i64) -> fdb_error_t;
    fdb_future_get_key(f: *mut FDBFuture, out_key: *mut *const u8, out_key_length: *mut c_int) -> fdb_error_t;
    fdb_future_get_value(f: *mut FDBFuture, out_present: *mut fdb_bool_t, out_value: *mut *const u8, out_value_length: *mut c_int) -> fdb_error_t;
    fdb_future_get_keyvalue_array(f: *mut FDBFuture, out_kv: *mut *const FDBKeyValue, out_count: *mut c_int, out_more: *mut fdb_bool_t) -> fdb_error_t;
    fdb_future_get_mappedkeyvalue_array(f: *mut FDBFuture, out_kv: *mut *const FDBMappedKeyValue, out_count: *mut c_int, out_more: *mut fdb_bool_t) -> fdb_error_t;
    fdb_future_get_key_array(f: *mut FDBFuture, out_key_array: *mut *const FDBKey, out_count: *mut c_int) -> fdb_error_t;
    fdb_future_get_string_array(f: *mut FDBFuture, out_strings: *mut *mut *const c_char, out_count: *mut c_int) -> fdb_error_t;
    fdb_create_database(cluster_file_path: *const c_char, out_database: *mut *mut FDBDatabase) -> fdb_error_t;
    fdb_database_destroy(d: *mut FDBDatabase);
    fdb_database_set_option(d: *mut FDBDatabase, option: FDBDatabaseOption, value: *const u8, value_length: c_int) -> fdb_error_t;
    fdb_database_create_transaction(d: *mut FDBDatabase, out_transaction: *mut *mut FDBTransaction) -> fdb_error_t;
    fdb_database_get_main_thread_busyness(d: *mut FDBDatabase) -> f64;
    fdb_database_get_client_status(d: *mut FDBDatabase) -> *mut FDBFuture;
    fdb_transaction_destroy(tr: *mut FDBTransaction);
    fdb_transaction_cancel(tr: *mut FDBTransaction);
    fdb_transaction_set_option(tr: *mut FDBTransaction, option: FDBTransactionOption, value: *const u8, value_length: c_int) -> fdb_error_t;
    fdb_transaction_set_read_version(tr: *mut FDBTransaction, version: i64);
    fdb_transaction_get_read_version(tr: *mut FDBTransaction) -> *mut FDBFuture;
    fdb_transaction_get(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int, snapshot: fdb_bool_t) -> *mut FDBFuture;
    fdb_transaction_get_key(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int, or_equal: fdb_bool_t, offset: c_int, snapshot: fdb_bool_t) -> *mut FDBFuture;
    fdb_transaction_get_addresses_for_key(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int) -> *mut FDBFuture;
    fdb_transaction_get_range(tr: *mut FDBTransaction, begin_key_name: *const u8, begin_key_name_length: c_int, begin_or_equal: fdb_bool_t, begin_offset: c_int, end_key_name: *const u8, end_key_name_length: c_int, end_or_equal: fdb_bool_t, end_offset: c_int, limit: c_int, target_bytes: c_int, mode: FDBStreamingMode, iteration: c_int, snapshot: fdb_bool_t, reverse: fdb_bool_t) -> *mut FDBFuture;
    fdb_transaction_get_mapped_range(tr: *mut FDBTransaction, begin_key_name: *const u8, begin_key_name_length: c_int, begin_or_equal: fdb_bool_t, begin_offset: c_int, end_key_name: *const u8, end_key_name_length: c_int, end_or_equal: fdb_bool_t, end_offset: c_int, mapper_name: *const u8, mapper_name_length: c_int, limit: c_int, target_bytes: c_int, mode: FDBStreamingMode, iteration: c_int, snapshot: fdb_bool_t, reverse: fdb_bool_t) -> *mut FDBFuture;
    fdb_transaction_set(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int, value: *const u8, value_length: c_int);
    fdb_transaction_atomic_op(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int, param: *const u8, param_length: c_int, operation_type: FDBMutationType);
    fdb_transaction_clear(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int);
    fdb_transaction_clear_range(tr: *mut FDBTransaction, begin_key_name: *const u8, begin_key_name_length: c_int, end_key_name: *const u8, end_key_name_length: c_int);
    fdb_transaction_watch(tr: *mut FDBTransaction, key_name: *const u8, key_name_length: c_int) -> *mut FDBFuture;
    fdb_transaction_commit(tr: *mut FDBTransaction) -> *mut FDBFuture;
    fdb_transaction_get_committed_version(tr: *mut FDBTransaction, out_version: *mut i64) -> fdb_error_t;
    fdb_transaction_get_approximate_size(tr: *mut FDBTransaction) -> *mut FDBFuture;
    fdb_transaction_get_versionstamp(tr: *mut FDBTransaction) -> *mut FDBFuture;
    fdb_transaction_on_error(tr: *mut FDBTransaction, error: fdb_error_t) -> *mut FDBFuture;
    fdb_transaction_reset(tr: *mut FDBTransaction);
    fdb_transaction_add_conflict_range(tr: *mut FDBTransaction, begin_key_name: *const u8, begin_key_name_length: c_int, end_key_name: *const u8, end_key_name_length: c_int, type_: FDBConflictRangeType) -> fdb_error_t;
    fdb_transaction_get_estimated_range_size_bytes(tr: *mut FDBTransaction, begin_key_name: *const u8, begin_key_name_length: c_int, end_key_name: *const u8, end_key_name_length: c_int) -> *mut FDBFuture;
    fdb_transaction_get_range_split_points(tr: *mut FDBTransaction, begin_key_name: *const u8, begin_key_name_length: c_int, end_key_name: *const u8, end_key_name_length: c_int, chunk_size: i64) -> *mut FDBFuture;
}
