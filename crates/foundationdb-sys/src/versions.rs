//! `if_cfg_api_versions!`, by which the `foundationdb` crate picks code by API version.

/// Keeps code if the API version lies between `min` and `max`, both inclusive. The original chooses by cargo
/// features; here the version is 730 always, so the comparison is made by matching the versions there are.
#[macro_export]
macro_rules! if_cfg_api_versions {
    // No version below 730 as upper bound is ours, nor one above as lower bound.
    (@max 730 => $($code:tt)*) => { $crate::if_cfg_api_versions! { @keep $($code)* } };
    (@max 740 => $($code:tt)*) => { $crate::if_cfg_api_versions! { @keep $($code)* } };
    (@max $other:tt => $($code:tt)*) => { $crate::if_cfg_api_versions! { @drop $($code)* } };
    (@keep { $($then:tt)* } else { $($else:tt)* }) => { { $($then)* } };
    (@keep $($code:tt)*) => { $($code)* };
    (@drop { $($then:tt)* } else { $($else:tt)* }) => { { $($else)* } };
    (@drop $($code:tt)*) => {};
    (min = 740 $(, max = $max:tt)? => $($code:tt)*) => { $crate::if_cfg_api_versions! { @drop $($code)* } };
    (min = $min:tt, max = $max:tt => $($code:tt)*) => { $crate::if_cfg_api_versions! { @max $max => $($code)* } };
    (min = $min:tt => $($code:tt)*) => { $crate::if_cfg_api_versions! { @keep $($code)* } };
    (max = $max:tt => $($code:tt)*) => { $crate::if_cfg_api_versions! { @max $max => $($code)* } };
}
