//! The names that a module defines and imports.

use std::collections::{HashMap, HashSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Meta, UseTree, Visibility};

/// The meaning of a name. One name can have several: a module and a function, or one item for each target.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    /// Defined in this module.
    Item,
    /// A child module.
    Module(usize),
    /// Imported from a path, which is read in this module.
    Import(Vec<String>),
    /// A macro that another module exports to the root of the crate.
    MacroOf(usize),
}

#[derive(Default)]
pub(crate) struct Names {
    names: HashMap<String, Vec<Definition>>,
    /// Paths of `use path::*`.
    pub(crate) globs: Vec<Vec<String>>,
    /// Macros, which child modules see without an import.
    pub(crate) macros: HashSet<String>,
    /// Macros with `#[macro_export]`.
    pub(crate) exported: Vec<String>,
}

impl Names {
    pub(crate) fn add(&mut self, name: &str, definition: Definition) {
        self.names.entry(name.to_owned()).or_default().push(definition);
    }

    pub(crate) fn get(&self, name: &str) -> &[Definition] {
        self.names.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// One path of a `use`, and the name that it gets; `*` for a glob.
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// The paths of a `use`, one by one.
pub(crate) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    // a path with `::` before it is of another crate
    if item.leading_colon.is_none() {
        flatten(&item.tree, &mut Vec::new(), &mut found);
    }
    found
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Import>) {
    let mut import = |ident: &syn::Ident, name: String| {
        let mut path = before.clone();
        if ident != "self" || path.is_empty() {
            path.push(ident.to_string());
        }
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        found.push(Import { path, name, line: ident.span().start().line });
    };
    match tree {
        UseTree::Name(name) => import(&name.ident, name.ident.to_string()),
        UseTree::Rename(rename) => import(&rename.ident, rename.rename.to_string()),
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            found.push(Import { path: before.clone(), name: "*".to_owned(), line });
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, found)),
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
    }
}

/// Whether a `use` gives its names to other modules.
pub(crate) fn is_reexport(item: &ItemUse) -> bool {
    !matches!(item.vis, Visibility::Inherited)
}

/// The names of a module, without its child modules. A `use` inside a function counts for the whole module.
pub(crate) fn collect(items: &[Item]) -> Names {
    let mut names = Names::default();
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        if let Some(name) = defined(item) {
            names.add(&name, Definition::Item);
        }
        if let Item::Macro(definition) = item
            && let Some(ident) = &definition.ident
        {
            names.macros.insert(ident.to_string());
            if definition.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                names.exported.push(ident.to_string());
            }
        }
        if !matches!(item, Item::Mod(_)) {
            Uses(&mut names).visit_item(item);
        }
    }
    names
}

struct Uses<'a>(&'a mut Names);

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(item) {
            if import.name == "*" {
                self.0.globs.push(import.path);
            } else {
                self.0.add(&import.name, Definition::Import(import.path));
            }
        }
        visit::visit_item_use(self, item);
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item is for tests alone.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string();
            condition == "test" || (condition.starts_with("all") && condition.contains("test"))
        }
        Meta::Path(path) => path.is_ident("test"),
        _ => false,
    })
}
