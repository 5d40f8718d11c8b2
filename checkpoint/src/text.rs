//! A recipe as text: one `[[tensor]]` each, which [`Recipe::parse`](crate::Recipe::parse) reads back as the same.
//!
//! Files record this text and its hash, so that it must never change for a tensor that can be written today.

use std::fmt;

use seedtensors::{Fans, Init, Layout};
use toml::Value;

use crate::recipe::{Recipe, ShardSpec, Tensor};

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, tensor) in self.tensors.iter().enumerate() {
            write!(f, "{}{tensor}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Tensor {
    /// Its initialiser as a recipe writes it: `"zeros"`, `{ normal = { mean = 0.0, std = 0.02 } }`.
    ///
    /// # Errors
    ///
    /// None of an initialiser that TOML can write, as every one of today is.
    pub fn init_text(&self) -> Result<String, fmt::Error> {
        init_text(&self.init)
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "[[tensor]]")?;
        // a TOML string, with its escapes: a name may have quotes
        writeln!(f, "name = {}", Value::from(self.name.as_str()))?;
        writeln!(f, "shape = {:?}", self.shape.dims())?;
        writeln!(f, "dtype = \"{}\"", self.dtype)?;
        writeln!(f, "init = {}", self.init_text()?)?;
        if let Some(function) = self.function {
            writeln!(f, "function = \"{}\"", function.name())?;
        }
        // Keys with default values are left out: a tensor that never had a new key keeps its text, and the hash of
        // it.
        if self.shape.layout() != Layout::default() {
            writeln!(f, "layout = \"{}\"", self.shape.layout())?;
        }
        if self.shape.groups() != 1 {
            writeln!(f, "groups = {}", self.shape.groups())?;
        }
        if self.shape.transposed() {
            writeln!(f, "transposed = true")?;
        }
        // only fans that were given: those of the shape are computed again
        if let Some(Fans { fan_in, fan_out }) = self.shape.given_fans() {
            writeln!(f, "fans = {{ fan_in = {fan_in}, fan_out = {fan_out} }}")?;
        }
        if let Some(padding) = self.padding {
            writeln!(f, "padding = {padding}")?;
        }
        if let Some(ShardSpec { start, extent }) = &self.shard {
            writeln!(f, "shard = {{ start = {start:?}, extent = {extent:?} }}")?;
        }
        Ok(())
    }
}

/// An initialiser as a recipe writes it.
fn init_text(init: &Init) -> Result<String, fmt::Error> {
    match *init {
        // 0 with its sign: -0.0 is no zeros
        Init::Constant { value } if value.to_bits() == 0 => Ok("\"zeros\"".to_owned()),
        Init::Constant { value: 1.0 } => Ok("\"ones\"".to_owned()),
        init => Value::try_from(init).map(|value| inline(&value)).map_err(|_| fmt::Error),
    }
}

/// A value in one line. `{:?}` of an f64 is exact and valid TOML, and 1e-30 keeps its exponent, unlike in the `toml`
/// crate's text.
fn inline(value: &Value) -> String {
    match value {
        Value::Float(number) => format!("{number:?}"),
        Value::Table(table) => {
            let pairs: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::Recipe;

    #[test]
    fn the_text_of_a_recipe_is_read_back_as_the_same_recipe() {
        let text = r#"
            [defaults]
            dtype = "bf16"
            layout = "in_out"
            [[tensor]]
            name = "a \"quoted\" name, with ünicode"
            shape = [4, 6]
            init = { truncated_normal = { std = 0.02, low = -inf, high = 1e-30 } }
            padding = 3
            shard = { start = [1, 2], extent = [3, 4] }
            [[tensor]]
            name = "b"
            shape = []
            init = { constant = { value = 0.1 } }
            [[tensor]]
            name = "c"
            shape = [8, 4, 3]
            layout = "out_in"
            groups = 2
            transposed = true
            init = { he_normal = { mode = "fan_geo_avg", gain = "tanh", distribution = "truncated_normal" } }
            [[tensor]]
            name = "d"
            shape = [5]
            fans = { fan_in = 3, fan_out = 9007199254740993 }
            dtype = "f16"
            init = { xavier_uniform = { gain = 0.3 } }
            [[tensor]]
            name = "e"
            shape = [4, 4]
            init = { sparse = { sparsity = 0.3 } }
            [[layer]]
            name = "embedding"
            layer = { embedding = { count = 5, size = 2, padding = 4 } }
        "#;
        let names = crate::INITIALISERS.iter().map(|initialiser| {
            let parameters = if initialiser.parameters.contains("value") { "value = 1.5" } else { "" };
            let name = initialiser.names[0];
            let parameters = if name == "sparse" { "sparsity = 0.5" } else { parameters };
            format!(
                "[[tensor]]\nname = \"every {name}\"\nshape = [3, 3, 3, 3]\ninit = {{ {name} = {{ {parameters} }} }}\n"
            )
        });
        let two = ["every eye", "every sparse"].map(|name| format!("name = \"{name}\"\nshape = [3, 3"));
        let mut text = text.to_owned() + &names.collect::<String>();
        for two in two {
            text = text.replace(&format!("{two}, 3, 3]"), &format!("{two}]"));
        }
        let recipe = Recipe::parse(&text).unwrap();
        assert_eq!(recipe.tensors.len(), 6 + crate::INITIALISERS.len());
        let again = Recipe::parse(&recipe.to_string()).unwrap();
        assert_eq!(again, recipe);
        assert_eq!(again.to_string(), recipe.to_string());
        assert_eq!(recipe.tensors[0].padding_elements(), 8..12);
    }
}
