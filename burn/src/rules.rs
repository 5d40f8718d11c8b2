//! Rules: which initialiser a parameter has, by its name.

use globset::{GlobBuilder, GlobMatcher};
use seedtensors::Init;
use serde::Deserialize;

use crate::{Error, Result};

/// The most bytes of a glob: globset panics where the regular expression that it becomes is too large.
const LONGEST: usize = 1000;

/// Initialisers for parameters, by globs on their names. The first rule that matches counts.
///
/// In a glob, `*` is any text, `?` any one character, `{a,b}` either, `[ab]` one of these characters. Rules read the same names
/// that keys are made from: those of the seed's [`Convention`](crate::Convention).
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use seedtensors_burn::seedtensors::Init;
/// use seedtensors_burn::{Rules, Seed};
///
/// let rules = Rules::default() // the modules' defaults for all that no rule matches
///     .with("*.bias", Init::zeros())?
///     .with("fc?.weight", Init::he_normal())?
///     .skip("*.position")?;
/// let bias = Rules::default().with("bias", Init::zeros())?;
/// let layer = Seed::new(42).with_rules(bias).init(LinearConfig::new(8, 4).init(&Device::flex()))?;
/// assert_eq!(layer.bias.unwrap().val().into_data().try_to_vec::<f32>()?, [0.0; 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules, in the order in which they count.
    rules: Vec<Rule>,
    /// Whether the modules' defaults come after them.
    defaults: bool,
}

/// A rule.
#[derive(Clone, Debug)]
struct Rule {
    /// The globs of the names that it is for.
    globs: Vec<GlobMatcher>,
    /// The numbers of dimensions that it is for; none for any.
    dims: Option<Vec<usize>>,
    outcome: Outcome,
}

/// The result of a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// The parameter stays as burn made it.
    Skip,
    /// The parameter has this initialiser.
    Init(Init),
}

/// No rule but the modules' defaults.
impl Default for Rules {
    fn default() -> Self {
        Self { rules: Vec::new(), defaults: true }
    }
}

impl Rules {
    /// Reads rules as the command's `--rules` writes them: `[[rule]]` tables with `name` (a glob, or a list of them),
    /// `dims` (a number of dimensions, or a list), and `init` or `skip = true`; and `defaults = true` where the modules'
    /// defaults follow.
    ///
    /// # Errors
    ///
    /// [`Error::Rules`] and [`Error::Glob`].
    ///
    /// ```
    /// use seedtensors_burn::Rules;
    ///
    /// let rules = Rules::parse(
    ///     r#"
    ///     defaults = true
    ///
    ///     [[rule]]
    ///     name = ["*.bias", "*.beta"]
    ///     init = "zeros"
    ///
    ///     [[rule]]
    ///     name = "*.weight"
    ///     dims = 2
    ///     init = { normal = { std = 0.02 } }
    ///     "#,
    /// )?;
    ///
    /// let error = Rules::parse("[[rule]]\nname = \"*\"").unwrap_err();
    /// assert_eq!(error.to_string(), "rules: a rule needs an init, or skip = true; \"*\" has neither");
    /// # Ok::<(), seedtensors_burn::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let table: RulesTable = toml::from_str(text).map_err(|error| Error::Rules(error.message().to_owned()))?;
        let rules = table.rule.into_iter().map(RuleTable::rule).collect::<Result<_>>()?;
        Ok(Self { rules, defaults: table.defaults })
    }

    /// Adds a rule behind those so far.
    ///
    /// # Errors
    ///
    /// [`Error::Glob`].
    pub fn with(self, name: &str, init: impl Into<Init>) -> Result<Self> {
        self.and(name, Outcome::Init(init.into()))
    }

    /// Adds a rule that leaves parameters as burn makes them.
    ///
    /// # Errors
    ///
    /// [`Error::Glob`].
    pub fn skip(self, name: &str) -> Result<Self> {
        self.and(name, Outcome::Skip)
    }

    /// Refuses a parameter that no rule matches, instead of giving it its module's default.
    #[must_use]
    pub fn without_defaults(self) -> Self {
        Self { defaults: false, ..self }
    }

    fn and(mut self, name: &str, outcome: Outcome) -> Result<Self> {
        self.rules.push(Rule { globs: vec![glob(name)?], dims: None, outcome });
        Ok(self)
    }

    pub(crate) const fn has_defaults(&self) -> bool {
        self.defaults
    }

    /// The result of the first rule for a parameter.
    pub(crate) fn first(&self, name: &str, dims: usize) -> Option<Outcome> {
        let is_for = |rule: &&Rule| {
            rule.dims.as_ref().is_none_or(|list| list.contains(&dims))
                && rule.globs.iter().any(|glob| glob.is_match(name))
        };
        self.rules.iter().find(is_for).map(|rule| rule.outcome)
    }
}

/// A glob, with the syntax of the command's.
fn glob(text: &str) -> Result<GlobMatcher> {
    let refuse = |reason: String| Error::Glob { glob: text.chars().take(LONGEST).collect(), reason };
    if text.len() > LONGEST {
        return Err(refuse(format!("it has more than {LONGEST} bytes")));
    }
    let glob = GlobBuilder::new(text).backslash_escape(true).empty_alternates(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| refuse(error.kind().to_string()))
}

/// The keys of a file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesTable {
    #[serde(default)]
    defaults: bool,
    #[serde(default)]
    rule: Vec<RuleTable>,
}

/// The keys of a `[[rule]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    name: List<String>,
    dims: Option<List<usize>>,
    init: Option<Init>,
    #[serde(default)]
    skip: bool,
}

/// A value, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum List<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> List<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl RuleTable {
    fn rule(self) -> Result<Rule> {
        let names = self.name.into_vec();
        let refuse = |rule: &str, has: &str| Err(Error::Rules(format!("{rule}; {:?} has {has}", names.join(", "))));
        let outcome = match (self.init, self.skip) {
            (Some(init), false) => Outcome::Init(init),
            (None, true) => Outcome::Skip,
            (None, false) => return refuse("a rule needs an init, or skip = true", "neither"),
            (Some(_), true) => return refuse("a rule has an init or skip = true", "both"),
        };
        let globs = names.iter().map(|name| glob(name)).collect::<Result<_>>()?;
        Ok(Rule { globs, dims: self.dims.map(List::into_vec), outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_for_a_name_and_its_dimensions_counts() {
        let text = r#"
            [[rule]]
            name = ["a.{weight,bias}", "b"]
            dims = [1, 3]
            init = "ones"

            [[rule]]
            name = "a.*"
            skip = true
        "#;
        let rules = Rules::parse(text).unwrap();
        assert!(matches!(rules.first("a.bias", 1), Some(Outcome::Init(init)) if init == Init::ones()));
        assert!(matches!(rules.first("a.weight", 3), Some(Outcome::Init(_))));
        assert!(matches!(rules.first("a.weight", 2), Some(Outcome::Skip)));
        assert!(rules.first("b", 2).is_none() && rules.first("c.weight", 1).is_none());
        assert!(!rules.has_defaults() && Rules::default().has_defaults());
    }

    #[test]
    fn text_that_is_no_rule_is_refused() {
        let refused = |text: &str| Rules::parse(text).unwrap_err().to_string();
        assert!(refused("[[rule]]\nname = \"*\"\ninit = \"kaiming\"").starts_with("rules: unknown variant `kaiming`"));
        assert!(refused("[[rule]]\nname = \"*\"\nwhen = {}").starts_with("rules: unknown field `when`"));
        assert_eq!(
            refused("[[rule]]\nname = \"*\"\nskip = true\ninit = \"ones\""),
            "rules: a rule has an init or skip = true; \"*\" has both"
        );
        assert_eq!(
            refused("[[rule]]\nname = \"[a\"\ninit = \"ones\""),
            "a rule's name must be a glob, not \"[a\": unclosed character class; missing ']'"
        );
        let long = Rules::default().skip(&"a".repeat(1001)).unwrap_err();
        assert!(long.to_string().ends_with("it has more than 1000 bytes"));
    }
}
