//! Numbers as rules write them: arithmetic over the keys of a model's configuration.

use std::borrow::Cow;

use serde_json::Value;

use crate::config::Config;
use crate::power::power;

/// The most bytes of an expression. It bounds the depth of the recursion, too, by parentheses, signs and powers.
const LONGEST: usize = 300;

/// Text that is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpressionError {
    /// An expression of more than 300 bytes.
    #[error("an expression has at most {LONGEST} bytes, not {0}")]
    TooLong(usize),
    /// Text where something else is expected: this, and all that follows it.
    #[error("in an expression {0:?} is unexpected")]
    Unexpected(String),
}

/// The values that an expression can name.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    /// The keys of a configuration, those of its parts with a dot: `text_config.hidden_size`.
    pub(crate) config: &'a Config,
    /// The dimensions of the tensor: `shape.0` is the first.
    pub(crate) shape: &'a [u64],
}

impl Names<'_> {
    /// The value of a dotted name. An element of a list is named by its index, from 0, or by `last`.
    pub(crate) fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        if first == "shape" {
            let shape = Value::from(self.shape);
            return match rest {
                None => Some(Cow::Owned(shape)),
                Some(keys) => part(&shape, keys).cloned().map(Cow::Owned),
            };
        }
        let value = self.config.get(first)?;
        rest.map_or(Some(value), |keys| part(value, keys)).map(Cow::Borrowed)
    }
}

/// The part of a value that keys with dots between them name.
fn part<'a>(value: &'a Value, keys: &str) -> Option<&'a Value> {
    keys.split('.').try_fold(value, |value, key| match value {
        Value::Array(list) if key == "last" => list.last(),
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        Value::Object(map) => map.get(key),
        _ => None,
    })
}

/// The value of an expression: numbers, names, `+ - * / **`, `sqrt(x)`, parentheses, `x or y`, which is y where x is 0,
/// null or absent, as in Python, and `default(name, y)`, which is y where the name is absent. None where a name has no
/// value that is a number.
pub(crate) fn evaluate(text: &str, names: Names<'_>) -> Result<Option<f64>, ExpressionError> {
    if text.len() > LONGEST {
        return Err(ExpressionError::TooLong(text.len()));
    }
    // evaluated while it is parsed: an expression is used once for each rule and shape
    let mut parser = Parser { rest: text, names };
    let value = parser.or()?;
    if parser.rest.trim_start().is_empty() { Ok(value) } else { Err(parser.unexpected()) }
}

/// A recursive descent parser. Each method parses one level of Python's precedence and calls the next: `or`, `sum`,
/// `product`, `power`, `atom`.
struct Parser<'a> {
    /// The text that is not parsed yet.
    rest: &'a str,
    /// The values of names.
    names: Names<'a>,
}

/// A number, none where a name has none, or an error of the text.
type Number = Result<Option<f64>, ExpressionError>;

impl Parser<'_> {
    /// An error about the rest of the text.
    fn unexpected(&self) -> ExpressionError {
        ExpressionError::Unexpected(self.rest.trim_start().to_owned())
    }

    /// Whether the token is next; if so, it is skipped.
    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn or(&mut self) -> Number {
        let mut left = self.sum()?;
        // with the space: a name such as `order` begins with the same letters
        while self.takes("or ") {
            // parsed even where it is not needed: an error must not depend on the config
            let right = self.sum()?;
            left = left.filter(|&left| left != 0.0).or(right);
        }
        Ok(left)
    }

    fn sum(&mut self) -> Number {
        let mut left = self.product()?;
        loop {
            if self.takes("+") {
                left = both(left, self.product()?, |a, b| a + b);
            } else if self.takes("-") {
                left = both(left, self.product()?, |a, b| a - b);
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self) -> Number {
        // `power` has taken every `**`: a `*` here is a product
        let mut left = self.power()?;
        loop {
            if self.takes("*") {
                left = both(left, self.power()?, |a, b| a * b);
            } else if self.takes("/") {
                left = both(left, self.power()?, |a, b| a / b);
            } else {
                return Ok(left);
            }
        }
    }

    fn power(&mut self) -> Number {
        // as in Python, a sign binds less than a power: -2 ** 2 is -4
        if self.takes("-") {
            return Ok(self.power()?.map(|value| -value));
        }
        let base = self.atom()?;
        // from the right: 2 ** 3 ** 2 is 2 ** 9
        if self.takes("**") { Ok(both(base, self.power()?, power)) } else { Ok(base) }
    }

    fn atom(&mut self) -> Number {
        if self.takes("(") {
            let value = self.or()?;
            return if self.takes(")") { Ok(value) } else { Err(self.unexpected()) };
        }
        self.rest = self.rest.trim_start();
        // a name may contain digits, but does not begin with one
        let is_number = self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let end = if is_number { number_end(self.rest) } else { name_end(self.rest) };
        let (word, rest) = self.rest.split_at(end);
        if is_number {
            let value = word.parse().map_err(|_| self.unexpected())?;
            self.rest = rest;
            return Ok(Some(value));
        }
        if word.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = rest;
        match word {
            // a key of the config may have a name of a function: without a parenthesis it is the key
            "sqrt" if self.rest.trim_start().starts_with('(') => Ok(self.atom()?.map(f64::sqrt)),
            "default" if self.takes("(") => self.default(),
            _ => Ok(self.names.value(word).and_then(|value| value.as_f64())),
        }
    }

    /// Parses the arguments of `default(name, y)`, after the opening parenthesis.
    fn default(&mut self) -> Number {
        self.rest = self.rest.trim_start();
        let (name, rest) = self.rest.split_at(name_end(self.rest));
        self.rest = rest;
        if !self.takes(",") {
            return Err(self.unexpected());
        }
        let other = self.or()?;
        if !self.takes(")") {
            return Err(self.unexpected());
        }
        // a null is there, so it is no number rather than the default
        Ok(self.names.value(name).map_or(other, |value| value.as_f64()))
    }
}

/// Combines two numbers; none where either is none.
fn both(left: Option<f64>, right: Option<f64>, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
    Some(of(left?, right?))
}

/// The length of the name at the start of a text: letters, digits, `_` and dots.
fn name_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(text.len())
}

/// The length of the number at the start of a text, such as `0.02` or `1e-5`.
fn number_end(text: &str) -> usize {
    let mut last = '0';
    let mut inside = |c: char| {
        let sign = (c == '-' || c == '+') && last == 'e';
        last = c;
        c.is_ascii_digit() || c == '.' || c == 'e' || sign
    };
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Option<f64>, ExpressionError> {
        let config =
            serde_json::json!({ "a": 4, "zero": 0.0, "nothing": null, "part": { "b": 0.5 }, "list": [1, 2, 3] });
        evaluate(text, Names { config: config.as_object().unwrap(), shape: &[8, 16] })
    }

    #[test]
    fn expressions_are_as_pythons() {
        let cases = [
            ("0.02", 0.02),
            ("2 + 3 * 4 - 1", 13.0),
            ("(2 + 3) * -1", -5.0),
            ("2 ** 3 ** 2", 512.0),
            ("-2 ** 2", -4.0),
            ("a ** -0.5", 0.5),
            ("8 / 2 / 2", 2.0),
            ("1e-5 + 1e+2", 100.000_01),
            ("a*(2*a)**-0.5", 4.0 * power(8.0, -0.5)),
            ("part.b / sqrt(shape.1)", 0.125),
            ("list.last + list.0", 4.0),
            ("absent or zero or nothing or 0.02", 0.02),
            ("a or 0.02", 4.0),
            ("default(absent, 1)", 1.0),
            ("default(a, 1)", 4.0),
            ("default(zero, 1)", 0.0),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), Ok(Some(expected)), "{text}");
        }
        for text in ["absent", "nothing", "a * absent", "part", "list.3", "a.b", "default(nothing, 1)", "sqrt(absent)"]
        {
            assert_eq!(value(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for (text, rest) in
            [("", ""), ("1 +", ""), ("(1", ""), ("1 2", "2"), ("a b", "b"), ("é", "é"), ("1.2.3", "1.2.3")]
        {
            assert_eq!(value(text), Err(ExpressionError::Unexpected(rest.to_owned())), "{text}");
        }
        assert!(value("default(a").is_err() && value("default(a, 1").is_err());
        assert!(matches!(value(&"(".repeat(300)), Err(ExpressionError::Unexpected(_))));
        assert_eq!(value(&"-".repeat(301)), Err(ExpressionError::TooLong(301)));
    }
}
