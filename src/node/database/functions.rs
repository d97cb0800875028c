//! Functions of JavaScript that SQL calls. They run on the thread of JavaScript only, so only within a call on it:
//! [`Dispatcher::during`] has what runs them at hand as long as such a call runs.

use std::cell::Cell;
use std::sync::Arc;

use napi::bindgen_prelude::{
    BigInt, Either5, Either6, Env, FnArgs, FromNapiValue, Function, HandleScope, JsValue, Null, Uint8Array,
};
use napi::sys;
use napi_derive::napi;

use super::NativeDatabase;
use crate::database::{Call, Code, Function as Definition, NotRun, Part, Returned, Shape, Value};
use crate::node::answer_queue::NativeAnswer;

/// An argument of a function.
pub(super) type Argument = Either5<Null, f64, BigInt, String, Uint8Array>;
/// Its value; a boolean if it has thrown.
pub(super) type Answer = Either6<Null, f64, BigInt, String, Uint8Array, bool>;
/// Runs a part of the function with this number, for a group: see `lib/database/functions.js`.
pub(super) type Dispatcher<'scope> = Function<'scope, FnArgs<(u32, u32, f64, Vec<Argument>)>, Answer>;

thread_local! {
    /// What runs functions, as long as a call runs on this thread that may need it.
    static DISPATCHER: Cell<Option<(sys::napi_env, sys::napi_value)>> = const { Cell::new(None) };
}

/// Makes a call that may run functions.
pub(super) fn during<T>(dispatcher: Option<Dispatcher<'_>>, call: impl FnOnce() -> T) -> T {
    struct Over(Option<(sys::napi_env, sys::napi_value)>);
    impl Drop for Over {
        fn drop(&mut self) {
            DISPATCHER.set(self.0);
        }
    }
    let dispatcher = dispatcher.map(|dispatcher| (dispatcher.value().env, dispatcher.value().value));
    // A function may make calls on other databases, which have others.
    let _over = Over(DISPATCHER.replace(dispatcher));
    call()
}

/// A function of JavaScript, by its number.
struct JsCode {
    id: u32,
    /// Whether it takes integers as bigints.
    big_ints: bool,
}

impl JsCode {
    fn argument(&self, value: Value<'_>) -> Argument {
        match value {
            Value::Null => Argument::A(Null),
            Value::Integer(value) => match number(value) {
                Some(number) if !self.big_ints => Argument::B(number),
                _ => Argument::C(value.into()),
            },
            Value::Real(value) => Argument::B(value),
            Value::Text(bytes) => text(bytes),
            Value::Blob(bytes) => Argument::E(bytes.to_vec().into()),
        }
    }
}

/// A text. As in rows, bytes that are no UTF-8 become U+FFFD.
pub(super) fn text(bytes: &[u8]) -> Argument {
    Argument::D(String::from_utf8_lossy(bytes).into_owned())
}

/// The integer as a number, if that is exact.
fn number(value: i64) -> Option<f64> {
    const SAFE_MAX: u64 = (1 << 53) - 1;
    #[expect(clippy::cast_precision_loss, reason = "checked")]
    (value.unsigned_abs() <= SAFE_MAX).then_some(value as f64)
}

/// Runs a part of what JavaScript knows by this number.
pub(super) fn dispatch(id: u32, part: u32, group: f64, arguments: Vec<Argument>) -> Result<Answer, NotRun> {
    let (env, function) = DISPATCHER.get().ok_or(NotRun::Elsewhere)?;
    // A statement may run a function very often: what a call needs of JavaScript is free when it has returned.
    let scope = HandleScope::create(&Env::from_raw(env)).map_err(|_| NotRun::Thrown)?;
    // SAFETY: `during` has put it there, on this thread, and has not returned.
    let dispatcher = unsafe { Dispatcher::from_napi_value(env, function) };
    let dispatcher = dispatcher.map_err(|_| NotRun::Thrown)?;
    // SAFETY: no value of JavaScript outlives the scope.
    let answer =
        unsafe { scope.close(dispatcher, |dispatcher| dispatcher.call((id, part, group, arguments).into())) };
    // An error here is the end of the environment, which can run nothing more.
    answer.map_err(|_| NotRun::Thrown)
}

impl Code for JsCode {
    fn run(&self, part: Part, group: u64, arguments: &[Value<'_>]) -> Result<Returned, NotRun> {
        let part = match part {
            Part::Call => 0,
            Part::Step => 1,
            Part::Inverse => 2,
            Part::Value => 3,
            Part::Final => 4,
        };
        #[expect(clippy::cast_precision_loss, reason = "no connection counts up to 2^53 groups")]
        let group = group as f64;
        let arguments = arguments.iter().map(|value| self.argument(*value)).collect();
        returned(dispatch(self.id, part, group, arguments)?)
    }
}

/// What a part has returned, for SQL.
pub(super) fn returned(answer: Answer) -> Result<Returned, NotRun> {
    Ok(match answer {
        Answer::A(_) => Returned::Null,
        Answer::B(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "checked")]
            let integer = number as i64;
            // Minus zero is not an integer: SQLite has it only as a real.
            let is_integer = self::number(integer).is_some_and(|same| same.to_bits() == number.to_bits());
            if is_integer { Returned::Integer(integer) } else { Returned::Real(number) }
        }
        Answer::C(integer) => Returned::Integer(integer.get_i64().0),
        Answer::D(text) => Returned::Text(text),
        Answer::E(bytes) => Returned::Blob(bytes.to_vec()),
        Answer::F(_) => return Err(NotRun::Thrown),
    })
}

#[napi]
impl NativeDatabase {
    /// Defines a function, on this thread. Shapes: 0 scalar, 1 aggregate, 2 window. Flags: 1 deterministic, 2 not for
    /// triggers, views and the schema, 4 integers as bigints.
    #[napi(ts_return_type = "unknown")]
    pub fn define_sync(
        &self,
        scope: u32,
        id: u32,
        name: String,
        arguments: i32,
        shape: u32,
        flags: u32,
    ) -> NativeAnswer {
        let shape = match shape {
            0 => Shape::Scalar,
            1 => Shape::Aggregate,
            _ => Shape::Window,
        };
        let code = Arc::new(JsCode { id, big_ints: flags & 4 != 0 });
        let (is_deterministic, is_direct_only) = (flags & 1 != 0, flags & 2 != 0);
        let function = Definition { name, arguments, shape, is_deterministic, is_direct_only, code };
        self.here(scope, None, Call::Define(Box::new(function)))
    }
}
