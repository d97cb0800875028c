//! Functions that a user defines and SQL calls (<https://sqlite.org/appfunc.html>).

use std::ffi::{c_int, c_void};
use std::fmt;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use libsqlite3_sys as ffi;

use super::connection::Connection;
use super::context::{Context, Denied};
use super::error::SqlError;
use super::handle::c_string;
use super::statement::{Value, bytes_of};

/// What SQL wants of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Of a scalar function: its value.
    Call,
    /// Of an aggregate: to take a row in.
    Step,
    /// Of a window function: to take out a row that it has taken in.
    Inverse,
    /// Of a window function: its value so far.
    Value,
    /// Of an aggregate: its value, after which nothing of the group is asked any more.
    Final,
}

/// What a function returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// Why a function returns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// It has thrown an error, which its caller gets by another way.
    Thrown,
    /// It can run only on the thread that has defined it.
    Elsewhere,
}

/// The code of a function.
pub trait Code: Send + Sync + 'static {
    /// Runs a part of it. Aggregates of several rows at a time are told apart by their group, 0 for one without rows.
    fn run(&self, part: Part, group: u64, arguments: &[Value<'_>]) -> Result<Returned, NotRun>;
}

/// The kinds of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value for each row.
    Scalar,
    /// One value for several rows.
    Aggregate,
    /// The same, also over a window of rows.
    Window,
}

/// A function to be defined.
#[derive(Clone)]
pub struct Function {
    /// Its name in SQL, at most 255 bytes.
    pub name: String,
    /// How many arguments it takes; -1 for any number.
    pub arguments: i32,
    /// Its kind.
    pub shape: Shape,
    /// Whether the same arguments always give the same value.
    pub is_deterministic: bool,
    /// Whether triggers, views and the schema may not call it.
    pub is_direct_only: bool,
    /// Its code.
    pub code: Arc<dyn Code>,
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What SQLite holds of a function.
struct Defined {
    function: Function,
    /// Weak: the connection holds this.
    context: Weak<Context>,
    groups: AtomicU64,
}

impl Connection {
    /// Defines a function, in place of one with the same name and number of arguments.
    pub(crate) fn define(&self, function: Function) -> Result<(), SqlError> {
        let (name, arguments, shape) = (c_string(&function.name), function.arguments, function.shape);
        let mut flags = ffi::SQLITE_UTF8;
        if function.is_deterministic {
            flags |= ffi::SQLITE_DETERMINISTIC;
        }
        if function.is_direct_only {
            flags |= ffi::SQLITE_DIRECTONLY;
        }
        let defined =
            Defined { function, context: Arc::downgrade(self.context()), groups: AtomicU64::new(0) };
        let defined = Box::into_raw(Box::new(defined)).cast::<c_void>();
        // SAFETY: the connection is open and the name a C string. SQLite passes `defined` to the callbacks, and to
        // `on_destroy` in the end, also if this call fails.
        let code = unsafe {
            match shape {
                Shape::Scalar => ffi::sqlite3_create_function_v2(
                    self.db(),
                    name.as_ptr(),
                    arguments,
                    flags,
                    defined,
                    Some(on_call),
                    None,
                    None,
                    Some(on_destroy),
                ),
                Shape::Aggregate | Shape::Window => ffi::sqlite3_create_window_function(
                    self.db(),
                    name.as_ptr(),
                    arguments,
                    flags,
                    defined,
                    Some(on_step),
                    Some(on_final),
                    (shape == Shape::Window).then_some(on_value as unsafe extern "C" fn(_)),
                    (shape == Shape::Window).then_some(on_inverse as unsafe extern "C" fn(_, _, _)),
                    Some(on_destroy),
                ),
            }
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.error(code)) }
    }
}

type Call = *mut ffi::sqlite3_context;
type Arguments = *mut *mut ffi::sqlite3_value;

unsafe extern "C" fn on_call(call: Call, count: c_int, arguments: Arguments) {
    // SAFETY: SQLite calls back with what it has been given, and with arguments that live for the call.
    unsafe { answer(call, Part::Call, 0, &values(count, arguments)) }
}

unsafe extern "C" fn on_step(call: Call, count: c_int, arguments: Arguments) {
    // SAFETY: as above.
    unsafe { answer(call, Part::Step, group(call, true), &values(count, arguments)) }
}

unsafe extern "C" fn on_inverse(call: Call, count: c_int, arguments: Arguments) {
    // SAFETY: as above.
    unsafe { answer(call, Part::Inverse, group(call, true), &values(count, arguments)) }
}

unsafe extern "C" fn on_value(call: Call) {
    // SAFETY: as above.
    unsafe { answer(call, Part::Value, group(call, false), &[]) }
}

unsafe extern "C" fn on_final(call: Call) {
    // SAFETY: as above.
    unsafe { answer(call, Part::Final, group(call, false), &[]) }
}

unsafe extern "C" fn on_destroy(defined: *mut c_void) {
    // SAFETY: it came from a box, and SQLite destroys it once.
    drop(unsafe { Box::from_raw(defined.cast::<Defined>()) });
}

/// # Safety
///
/// `call` is what SQLite has called back with.
unsafe fn defined<'a>(call: Call) -> &'a Defined {
    // SAFETY: SQLite returns what `define` has passed to it, which lives until `on_destroy`.
    unsafe { &*ffi::sqlite3_user_data(call).cast::<Defined>() }
}

/// The number of the group that an aggregate is called for. Only a row begins one.
///
/// # Safety
///
/// `call` is what SQLite has called back with.
unsafe fn group(call: Call, begins: bool) -> u64 {
    let bytes = if begins { 8 } else { 0 };
    // SAFETY: SQLite returns null, or as many zeroed bytes as were asked for first, aligned for any type. They
    // are the same for all calls of a group.
    unsafe {
        let place = ffi::sqlite3_aggregate_context(call, bytes).cast::<u64>();
        if place.is_null() {
            return 0;
        }
        if *place == 0 {
            *place = defined(call).groups.fetch_add(1, Ordering::Relaxed) + 1;
        }
        *place
    }
}

/// # Safety
///
/// There are `count` arguments, which live for `'a`.
unsafe fn values<'a>(count: c_int, arguments: Arguments) -> Vec<Value<'a>> {
    let count = usize::try_from(count).unwrap_or(0);
    if count == 0 {
        return Vec::new();
    }
    // SAFETY: guaranteed by the caller. A length is read after its pointer, as SQLite requires.
    unsafe {
        let value = |&value: &*mut ffi::sqlite3_value| match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                let text = ffi::sqlite3_value_text(value);
                Value::Text(bytes_of(text, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let blob = ffi::sqlite3_value_blob(value).cast::<u8>();
                Value::Blob(bytes_of(blob, ffi::sqlite3_value_bytes(value)))
            }
            _ => Value::Null,
        };
        slice::from_raw_parts(arguments, count).iter().map(value).collect()
    }
}

/// # Safety
///
/// `call` is what SQLite has called back with.
unsafe fn answer(call: Call, part: Part, group: u64, arguments: &[Value<'_>]) {
    // SAFETY: guaranteed by the caller.
    let Defined { function, context, .. } = unsafe { defined(call) };
    let returned = match function.code.run(part, group, arguments) {
        // It only takes a row in or out.
        Ok(_) if matches!(part, Part::Step | Part::Inverse) => return,
        Ok(returned) => returned,
        Err(why) => {
            if why == NotRun::Elsewhere
                && let Some(context) = context.upgrade()
            {
                context.deny(Denied::Function(function.name.clone()));
            }
            let message = c_string(&format!("the function {} has thrown an error", function.name));
            // SAFETY: SQLite copies the message.
            return unsafe { ffi::sqlite3_result_error(call, message.as_ptr(), -1) };
        }
    };
    // SAFETY: the bytes are copied before the calls return.
    unsafe {
        match returned {
            Returned::Null => ffi::sqlite3_result_null(call),
            Returned::Integer(value) => ffi::sqlite3_result_int64(call, value),
            Returned::Real(value) => ffi::sqlite3_result_double(call, value),
            Returned::Text(text) => ffi::sqlite3_result_text64(
                call,
                text.as_ptr().cast(),
                text.len() as u64,
                ffi::SQLITE_TRANSIENT(),
                super::statement::UTF8,
            ),
            Returned::Blob(bytes) if bytes.is_empty() => ffi::sqlite3_result_zeroblob(call, 0),
            Returned::Blob(bytes) => ffi::sqlite3_result_blob64(
                call,
                bytes.as_ptr().cast(),
                bytes.len() as u64,
                ffi::SQLITE_TRANSIENT(),
            ),
        }
    }
}
