//! Names of enums without data, each written once: as text, as an error's list, and in serde's formats.

/// A text that names none of the known things.
///
/// ```
/// use seedtensors::Mode;
///
/// let error = "fan".parse::<Mode>().unwrap_err();
/// assert_eq!(error.to_string(), "no mode \"fan\": expected one of fan_in, fan_out, fan_avg, fan_geo_avg");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} {text:?}: expected one of {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownName {
    /// The kind of thing that a name was wanted for, such as `mode`.
    pub kind: &'static str,
    /// The text that is no name of that kind.
    pub text: String,
    /// Every name of that kind.
    pub known: &'static [&'static str],
}

impl UnknownName {
    /// The error for a text of that kind.
    pub(crate) fn new(kind: &'static str, text: &str, known: &'static [&'static str]) -> Self {
        Self { kind, text: text.to_owned(), known }
    }
}

/// Gives an enum without data its list of variants and names: `ALL`, `name()`, `Display`, `FromStr`, and with the
/// feature `serde` the name as its serialised form. Each variant is written once, beside its name.
macro_rules! names {
    ($type:ident, $kind:literal, { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            #[doc = concat!("Every ", $kind, ".")]
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The names of [`ALL`](Self::ALL), in the same order.
            const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name that recipes and the command use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // `pad` and not `write_str`, so that a width in a format string works
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // names are compared as they are: another case is another name
                let unknown = || $crate::UnknownName::new($kind, text, Self::NAMES);
                Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(unknown)
            }
        }

        #[cfg(feature = "serde")]
        // the name and not the variant, so that a recipe reads as the command does
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::names::NameVisitor::new($kind))
            }
        }
    };
}
pub(crate) use names;

/// Reads a name with serde; the error of an unknown one lists the names that there are.
#[cfg(feature = "serde")]
pub(crate) struct NameVisitor<T> {
    /// The kind of thing that is named, for the message.
    kind: &'static str,
    /// The enum; it is not stored.
    wanted: std::marker::PhantomData<T>,
}

#[cfg(feature = "serde")]
impl<T> NameVisitor<T> {
    pub(crate) const fn new(kind: &'static str) -> Self {
        Self { kind, wanted: std::marker::PhantomData }
    }
}

#[cfg(feature = "serde")]
impl<T: std::str::FromStr<Err = UnknownName>> serde::de::Visitor<'_> for NameVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the name of a {}", self.kind)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        // serde's own variant of the error, so that each format adds the position in its text
        text.parse().map_err(|error: UnknownName| E::unknown_variant(&error.text, error.known))
    }
}
