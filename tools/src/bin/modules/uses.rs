//! The dependencies of each file: the items of other files that its code names.

use std::collections::HashSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Macro, PatIdent, Path, VisRestricted};

use crate::names::{Definition, attributes, imports, is_reexport, is_test};
use crate::resolve::Target;
use crate::source::Crate;

/// A line of one file that names an item of another.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// File, line and path, for a reader.
    pub(crate) place: String,
}

/// All dependencies between the files of a crate.
pub(crate) fn edges(source: &Crate) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (file, read) in source.files.iter().enumerate() {
        let mut visitor = Visitor { source, file, module: read.module, locals: HashSet::new(), edges: &mut edges };
        visitor.visit_file(&read.syntax);
    }
    edges
}

struct Visitor<'a> {
    source: &'a Crate,
    file: usize,
    /// The module of the code that is visited: the file's, or a block inside it.
    module: usize,
    /// Variables of the function that is visited, which hide items of the same name.
    locals: HashSet<String>,
    edges: &'a mut Vec<Edge>,
}

impl Visitor<'_> {
    fn path(&mut self, path: &[String], line: usize, reexports: bool) {
        for target in self.source.resolve(self.module, path) {
            // a module that is only named gives nothing; the paths through it do
            if let Target::Item(module) = target {
                self.add(self.source.modules[module].file, path, line, reexports);
            }
        }
    }

    fn add(&mut self, to: usize, path: &[String], line: usize, reexports: bool) {
        let (from, files) = (self.file, &self.source.files);
        let is_child = files[to].path.starts_with(&files[from].path);
        if from == to || (reexports && is_child) {
            return;
        }
        let location = &files[from].location;
        let location =
            std::env::current_dir().ok().and_then(|folder| location.strip_prefix(folder).ok()).unwrap_or(location);
        let place = format!("{}:{line}: {}", location.display(), path.join("::"));
        self.edges.push(Edge { from, to, place });
    }

    /// A name by itself, which is never a module.
    fn single(&mut self, name: &str, line: usize) {
        if !self.locals.contains(name) {
            self.path(&[name.to_owned()], line, false);
        }
    }

    fn invocation(&mut self, path: &[String], line: usize) {
        let found = self.source.resolve(self.module, path);
        if let ([name], true) = (path, found.is_empty()) {
            if let Some(module) = self.source.macro_of(self.module, name) {
                self.add(self.source.modules[module].file, path, line, false);
            }
        } else {
            self.path(path, line, false);
        }
    }

    /// Paths among a macro's tokens. A name by itself counts when it is called, or has a type's capital letter.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == wanted);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let after = |count: usize| at.checked_sub(count);
                    let is_field = after(1).is_some_and(|before| is(before, '.'))
                        && !after(2).is_some_and(|before| is(before, '.'));
                    let is_variable = after(1).is_some_and(|before| is(before, '$')) && first != "crate";
                    let is_foreign = after(1).is_some_and(|before| is(before, ':'))
                        && after(2).is_some_and(|before| is(before, ':'));
                    let mut path = vec![first.to_string()];
                    while is(at + 1, ':') && is(at + 2, ':') {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                        path.push(next.to_string());
                        at += 3;
                    }
                    let is_call = matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                    let is_macro = is(at + 1, '!') && matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
                    let is_type = path[0].starts_with(char::is_uppercase);
                    if is_field || is_variable || is_foreign {
                    } else if is_macro {
                        self.invocation(&path, line);
                    } else if path.len() > 1 {
                        self.path(&path, line, false);
                    } else if is_call || is_type {
                        self.single(&path[0], line);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn function(&mut self, locals: impl FnOnce(&mut Locals), visit: impl FnOnce(&mut Self)) {
        let mut found = Locals(self.locals.clone());
        locals(&mut found);
        let before = std::mem::replace(&mut self.locals, found.0);
        visit(self);
        self.locals = before;
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let Some((_, items)) = &item.content else { return };
        let names = &self.source.modules[self.module].names;
        let inner = names.get(&item.ident.to_string()).iter().find_map(|found| match found {
            Definition::Module(module) if self.source.modules[*module].file == self.file => Some(*module),
            _ => None,
        });
        if let Some(inner) = inner {
            let outer = std::mem::replace(&mut self.module, inner);
            items.iter().for_each(|item| self.visit_item(item));
            self.module = outer;
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(item).into_iter().filter(|import| import.name != "*") {
            self.path(&import.path, import.line, is_reexport(item));
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none()
            && let Some(first) = path.segments.first()
        {
            let line = first.ident.span().start().line;
            let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            match names.as_slice() {
                [name] => self.single(name, line),
                names => self.path(names, line, false),
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        let line = invoked.path.segments.first().map_or(0, |first| first.ident.span().start().line);
        let path: Vec<String> = invoked.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path != ["macro_rules"] {
            self.invocation(&path, line);
        }
        self.tokens(invoked.tokens.clone());
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(|locals| locals.visit_item_fn(item), |visitor| visit::visit_item_fn(visitor, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            self.function(|locals| locals.visit_impl_item_fn(item), |visitor| visit::visit_impl_item_fn(visitor, item));
        }
    }

    /// `pub(in path)` is no dependency.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    /// Derives and attributes are no dependencies between modules.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// Variables that patterns bind; constants, which have capitals, are not among them.
struct Locals(HashSet<String>);

impl<'ast> Visit<'ast> for Locals {
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        let name = pattern.ident.to_string();
        if !name.starts_with(char::is_uppercase) {
            self.0.insert(name);
        }
        visit::visit_pat_ident(self, pattern);
    }
}
