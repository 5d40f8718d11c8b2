//! A crate's files as syntax trees, and the modules that they declare.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::{Attribute, Item, ItemMod, Meta};

use crate::names::{Definition, Names, collect, is_test};

/// A file, which is one module. Modules that are written inside it belong to it.
pub(crate) struct File {
    /// Names of the modules from the root to this one; empty for the root.
    pub(crate) path: Vec<String>,
    pub(crate) location: PathBuf,
    pub(crate) syntax: syn::File,
    /// The module of the whole file.
    pub(crate) module: usize,
}

impl File {
    /// The module's name from the root of the crate.
    pub(crate) fn name(&self) -> String {
        if self.path.is_empty() { self.root_module() } else { self.path.join("::") }
    }

    /// The root module that this file belongs to; `lib` or `main` for the root of the crate itself.
    pub(crate) fn root_module(&self) -> String {
        let stem = || self.location.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.path.first().cloned().unwrap_or_else(stem)
    }
}

/// A module: a file or a block `mod name { .. }`.
pub(crate) struct Module {
    pub(crate) file: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) names: Names,
}

/// The files of a crate, its modules, and the names in them. The root is the first of each.
pub(crate) struct Crate {
    pub(crate) files: Vec<File>,
    pub(crate) modules: Vec<Module>,
}

impl Crate {
    /// Reads the root file and every module that it declares.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut read = Self { files: Vec::new(), modules: Vec::new() };
        let folder = root.parent().context("the root file has no folder")?;
        read.file(root.to_owned(), folder.to_owned(), Vec::new(), None)?;
        Ok(read)
    }

    /// Reads a file, whose child modules are in `folder`.
    fn file(&mut self, location: PathBuf, folder: PathBuf, path: Vec<String>, parent: Option<usize>) -> Result<usize> {
        let text = std::fs::read_to_string(&location).with_context(|| location.display().to_string())?;
        let syntax = syn::parse_file(&text).with_context(|| format!("{} is not Rust", location.display()))?;
        let (file, module) = (self.files.len(), self.modules.len());
        let items = syntax.items.clone();
        self.files.push(File { path: path.clone(), location: location.clone(), syntax, module });
        self.module(file, parent, &items, &location, &folder, &path)?;
        Ok(module)
    }

    fn module(
        &mut self,
        file: usize,
        parent: Option<usize>,
        items: &[Item],
        location: &Path,
        folder: &Path,
        path: &[String],
    ) -> Result<usize> {
        let module = self.modules.len();
        self.modules.push(Module { file, parent, names: collect(items) });
        for item in items {
            if let Item::Mod(child) = item
                && !is_test(&child.attrs)
            {
                let name = child.ident.to_string();
                let id = self.child(file, module, child, location, folder, path)?;
                self.modules[module].names.add(&name, Definition::Module(id));
            }
        }
        for name in self.modules[module].names.exported.clone() {
            self.modules[0].names.add(&name, Definition::MacroOf(module));
        }
        Ok(module)
    }

    fn child(
        &mut self,
        file: usize,
        parent: usize,
        child: &ItemMod,
        location: &Path,
        folder: &Path,
        path: &[String],
    ) -> Result<usize> {
        let name = child.ident.to_string();
        let inner = folder.join(&name);
        let path = [path, std::slice::from_ref(&name)].concat();
        if let Some((_, items)) = &child.content {
            return self.module(file, Some(parent), items, location, &inner, &path);
        }
        if let Some(given) = given_path(&child.attrs) {
            let location = location.parent().unwrap_or(location).join(given);
            let folder = location.parent().unwrap_or(&location).to_owned();
            return self.file(location, folder, path, Some(parent));
        }
        for location in [folder.join(format!("{name}.rs")), inner.join("mod.rs")] {
            if location.is_file() {
                return self.file(location, inner, path, Some(parent));
            }
        }
        bail!("{} declares the module {name}, which has no file in {}", location.display(), folder.display())
    }
}

/// The file that `#[path = ".."]` names.
fn given_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}
