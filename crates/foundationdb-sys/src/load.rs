//! Finding and loading `libfdb_c`, once a process.

use std::env;
use std::ffi::{CStr, OsString, c_int};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use libloading::Library;

use crate::api::{Api, FDB_API_VERSION};

/// The environment variable that names the library.
const VARIABLE: &str = "FDB_CLIENT_LIBRARY";

/// The library's name, which the system's loader looks up in its own places, then the places where FoundationDB's
/// packages put it.
#[cfg(target_os = "macos")]
const USUAL_PLACES: &[&str] =
    &["libfdb_c.dylib", "/usr/local/lib/libfdb_c.dylib", "/opt/homebrew/lib/libfdb_c.dylib"];
#[cfg(windows)]
const USUAL_PLACES: &[&str] = &["fdb_c.dll", "C:/Program Files/foundationdb/bin/fdb_c.dll"];
#[cfg(not(any(target_os = "macos", windows)))]
const USUAL_PLACES: &[&str] =
    &["libfdb_c.so", "/usr/lib/libfdb_c.so", "/usr/lib64/libfdb_c.so", "/usr/local/lib/libfdb_c.so"];

static LOADED: OnceLock<(Loaded, Api)> = OnceLock::new();

/// The library in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Where it was found, or the name by which the system found it.
    pub path: PathBuf,
    /// The newest API version that it speaks.
    pub max_api_version: i32,
}

/// Where a library was looked for on whose behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// The caller named it.
    Named,
    /// [`VARIABLE`] names it.
    Variable,
    /// The usual places.
    Usual,
}

/// Why there is no usable library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// None of the places has a library that can be loaded.
    NotFound {
        /// How it was looked for.
        search: Search,
        /// Each place, and what the system said to it.
        tried: Vec<(PathBuf, String)>,
    },
    /// The library lacks functions: it is another one, or damaged.
    NotFdb {
        /// The library.
        path: PathBuf,
        /// The functions.
        missing: Vec<&'static str>,
    },
    /// The library is from before FoundationDB 7.3.
    TooOld {
        /// The library.
        path: PathBuf,
        /// The newest API version that it speaks.
        max_api_version: i32,
    },
    /// Another library is in use: a process can have one only.
    OtherInUse {
        /// The one that was asked for.
        asked: PathBuf,
        /// The one in use.
        used: PathBuf,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { search, tried } => {
                match search {
                    Search::Named => {
                        write!(formatter, "the FoundationDB client library that was named cannot be loaded")?
                    }
                    Search::Variable => {
                        write!(
                            formatter,
                            "the FoundationDB client library that {VARIABLE} names cannot be loaded"
                        )?;
                    }
                    Search::Usual => write!(formatter, "the FoundationDB client library was not found")?,
                }
                for (number, (path, detail)) in tried.iter().enumerate() {
                    let separator = if number == 0 { ": tried " } else { "; " };
                    write!(formatter, "{separator}{} ({detail})", path.display())?;
                }
                Ok(())
            }
            Self::NotFdb { path, missing } => {
                write!(
                    formatter,
                    "{} is not a FoundationDB client library of 7.3 or later: it lacks ",
                    path.display()
                )?;
                match missing.as_slice() {
                    [one] => write!(formatter, "{one}"),
                    [first, rest @ ..] => write!(formatter, "{first} and {} more functions", rest.len()),
                    [] => write!(formatter, "functions"),
                }
            }
            Self::TooOld { path, max_api_version } => write!(
                formatter,
                "{} is too old: it speaks the FoundationDB API up to version {max_api_version}, needed is {FDB_API_VERSION}",
                path.display()
            ),
            Self::OtherInUse { asked, used } => write!(
                formatter,
                "this process uses the FoundationDB client library {} already and cannot load {} as well",
                used.display(),
                asked.display()
            ),
        }
    }
}

impl std::error::Error for LoadError {}

/// The library in use, if there is one.
pub fn loaded() -> Option<&'static Loaded> {
    LOADED.get().map(|(loaded, _)| loaded)
}

pub(crate) fn api() -> &'static Api {
    let (_, api) = LOADED.get().expect("load() comes before every function of FoundationDB's C API");
    api
}

/// Loads the client library, unless that was done before: the one that is `named`, else the one that
/// `FDB_CLIENT_LIBRARY` names, else the first that loads of the usual places. A failure leaves nothing behind, so it
/// can be tried again.
pub fn load(named: Option<&Path>) -> Result<&'static Loaded, LoadError> {
    // One at a time, so that two callers do not load two libraries.
    static LOADING: Mutex<()> = Mutex::new(());
    let _one = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = loaded() {
        return match named {
            Some(asked) if !same_file(asked, &loaded.path) => {
                Err(LoadError::OtherInUse { asked: asked.to_owned(), used: loaded.path.clone() })
            }
            _ => Ok(loaded),
        };
    }
    let (search, places) = places(named, env::var_os(VARIABLE));
    let (path, library) = open_first(search, places)?;
    let (loaded, api) = bind(path, &library)?;
    // Its threads run its code until the process ends.
    std::mem::forget(library);
    Ok(&LOADED.get_or_init(|| (loaded, api)).0)
}

/// Where to look, and on whose behalf. A place that was named is the only one: to take another library instead
/// would hide a mistake.
fn places(named: Option<&Path>, variable: Option<OsString>) -> (Search, Vec<PathBuf>) {
    match (named, variable.filter(|value| !value.is_empty())) {
        (Some(path), _) => (Search::Named, vec![path.to_owned()]),
        (None, Some(path)) => (Search::Variable, vec![path.into()]),
        (None, None) => (Search::Usual, USUAL_PLACES.iter().map(PathBuf::from).collect()),
    }
}

fn open_first(search: Search, places: Vec<PathBuf>) -> Result<(PathBuf, Library), LoadError> {
    let mut tried = Vec::new();
    for path in places {
        // SAFETY: initialisers of the library run; FoundationDB's do nothing that asks for care. What else a caller
        // names here is as trusted as any other code that it loads.
        match unsafe { Library::new(&path) } {
            Ok(library) => return Ok((path, library)),
            Err(error) => {
                let reason = reason(&path, &error);
                tried.push((path, reason));
            }
        }
    }
    Err(LoadError::NotFound { search, tried })
}

/// What the system said, in one line and without the place, which is named beside it.
fn reason(path: &Path, error: &libloading::Error) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = format!("{}: ", path.display());
    line.strip_prefix(&place).map_or_else(|| line.clone(), str::to_owned)
}

/// Checks the version and finds the functions. Nothing that needs a chosen API version is called.
fn bind(path: PathBuf, library: &Library) -> Result<(Loaded, Api), LoadError> {
    const MAX_VERSION: &str = "fdb_get_max_api_version";
    // SAFETY: the header declares a function of this type under this name.
    let max_version = unsafe { library.get::<unsafe extern "C" fn() -> c_int>(MAX_VERSION.as_bytes()) };
    let Ok(max_version) = max_version else {
        return Err(LoadError::NotFdb { path, missing: vec![MAX_VERSION] });
    };
    // SAFETY: it may be called at any time.
    let max_api_version = unsafe { max_version() };
    if i64::from(max_api_version) < i64::from(FDB_API_VERSION) {
        return Err(LoadError::TooOld { path, max_api_version });
    }
    let api = match Api::find(library) {
        Ok(api) => api,
        Err(missing) => return Err(LoadError::NotFdb { path, missing }),
    };
    Ok((Loaded { path, max_api_version }, api))
}

/// The library's release, such as `7.3.79`.
///
/// # Safety
///
/// An API version was selected: before that, FoundationDB's function follows a null pointer.
pub unsafe fn client_version() -> String {
    // SAFETY: the caller keeps the one condition; the string lives as long as the library.
    let text = unsafe {
        let text = crate::api::fdb_get_client_version();
        if text.is_null() { return String::new() } else { CStr::from_ptr(text) }
    };
    // `release,source version,protocol`
    text.to_string_lossy().split(',').next().unwrap_or_default().to_owned()
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_once() {
        let place = PathBuf::from("/nowhere/libfdb_c.so");
        let error = open_first(Search::Named, vec![place]).map(|(path, _)| path).unwrap_err();
        assert_eq!(error.to_string().matches("/nowhere/libfdb_c.so").count(), 1, "{error}");
    }

    #[test]
    fn what_is_named_is_the_only_place() {
        let named = Path::new("/a/libfdb_c.so");
        let variable = || Some(OsString::from("/b/libfdb_c.so"));
        assert_eq!(places(Some(named), variable()), (Search::Named, vec![named.to_owned()]));
        assert_eq!(places(None, variable()), (Search::Variable, vec![PathBuf::from("/b/libfdb_c.so")]));
        for unset in [None, Some(OsString::new())] {
            let (search, places) = places(None, unset);
            assert_eq!(search, Search::Usual);
            assert!(places.len() > 1);
        }
    }
}
