//! A path, followed to the module that defines its item.

use crate::names::Definition;
use crate::source::Crate;

/// The end of a path, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An item, and the module that defines it.
    Item(usize),
    Module(usize),
}

/// Imports that are being followed, so that one which leads back to itself ends.
type Followed = Vec<(usize, String)>;

impl Crate {
    /// The ends of a path that is written in a module; none for a path into another crate.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Vec<Target> {
        self.path(module, path, &mut Followed::new())
    }

    fn path(&self, module: usize, path: &[String], followed: &mut Followed) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let starts = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            name => self.name(module, name, followed),
        };
        self.walk_all(starts, rest, followed)
    }

    fn walk(&self, start: Target, rest: &[String], followed: &mut Followed) -> Vec<Target> {
        let (Target::Module(module), Some((first, rest))) = (start, rest.split_first()) else { return vec![start] };
        if first == "super" {
            let parent = self.modules[module].parent;
            return parent.map_or_else(Vec::new, |parent| self.walk(Target::Module(parent), rest, followed));
        }
        let found = self.name(module, first, followed);
        if found.is_empty() {
            // a macro makes this item
            return vec![Target::Item(module)];
        }
        self.walk_all(found, rest, followed)
    }

    /// Follows the rest of a path from each start. A function of the same name as a module has no names in it.
    fn walk_all(&self, mut starts: Vec<Target>, rest: &[String], followed: &mut Followed) -> Vec<Target> {
        let is_module = |target: &Target| matches!(target, Target::Module(_));
        if !rest.is_empty() && starts.iter().any(is_module) {
            starts.retain(is_module);
        }
        starts.into_iter().flat_map(|start| self.walk(start, rest, followed)).collect()
    }

    /// The meanings of a name in a module.
    fn name(&self, module: usize, name: &str, followed: &mut Followed) -> Vec<Target> {
        let key = (module, name.to_owned());
        if followed.contains(&key) {
            // with both `use fill::fill` and `mod fill`, the first name of a path is the module
            let definitions = self.modules[module].names.get(name).iter();
            return definitions.filter_map(|found| self.without_imports(module, found)).collect();
        }
        followed.push(key);
        let mut found = Vec::new();
        for definition in self.modules[module].names.get(name) {
            match definition {
                Definition::Import(path) => found.extend(self.path(module, path, followed)),
                other => found.extend(self.without_imports(module, other)),
            }
        }
        if found.is_empty() {
            for glob in &self.modules[module].names.globs {
                for target in self.path(module, glob, followed) {
                    if let Target::Module(module) = target {
                        found.extend(self.name(module, name, followed));
                    }
                }
            }
        }
        followed.pop();
        found
    }

    fn without_imports(&self, module: usize, definition: &Definition) -> Option<Target> {
        match definition {
            Definition::Item => Some(Target::Item(module)),
            Definition::Module(child) => Some(Target::Module(*child)),
            Definition::MacroOf(module) => Some(Target::Item(*module)),
            Definition::Import(_) => None,
        }
    }

    /// The module whose `macro_rules!` an invocation by a bare name means: this one or one around it.
    pub(crate) fn macro_of(&self, module: usize, name: &str) -> Option<usize> {
        let mut around = Some(module);
        while let Some(module) = around {
            if self.modules[module].names.macros.contains(name) {
                return Some(module);
            }
            around = self.modules[module].parent;
        }
        None
    }
}
