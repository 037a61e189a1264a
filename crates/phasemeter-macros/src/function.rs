//! The function under the attribute, and the refusal of what cannot be measured as one.
//!
//! The body stays a stream of tokens: it is moved, not read, so syntax that this crate does not know passes through.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Signature, Token, Visibility, braced, token};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) defaultness: Option<Token![default]>,
    pub(crate) signature: Signature,
    pub(crate) brace: token::Brace,
    /// `#![…]` at the start of the body; they belong to the function.
    pub(crate) inner_attributes: Vec<Attribute>,
    pub(crate) body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let defaultness = input.parse()?;
        if !starts_function(&input.fork()) {
            return Err(Error::new(input.span(), "`#[phase]` measures a function; put it on each function to measure"));
        }
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(Error::new_spanned(
                &signature,
                "`#[phase]` needs a body to measure; put it on the functions that implement this one",
            ));
        }
        refuse_unmeasurable(&signature)?;
        let content;
        let brace = braced!(content in input);
        let inner_attributes = content.call(Attribute::parse_inner)?;
        let body = content.parse()?;
        Ok(Self { attributes, visibility, defaultness, signature, brace, inner_attributes, body })
    }
}

/// Whether what follows visibility and defaultness is a `fn`, after whichever of its qualifiers.
fn starts_function(ahead: ParseStream<'_>) -> bool {
    let qualifiers = ahead.parse::<Option<Token![const]>>().is_ok()
        && ahead.parse::<Option<Token![async]>>().is_ok()
        && ahead.parse::<Option<Token![unsafe]>>().is_ok()
        && ahead.parse::<Option<syn::Abi>>().is_ok();
    qualifiers && ahead.peek(Token![fn])
}

fn refuse_unmeasurable(signature: &Signature) -> Result<()> {
    if let Some(constness) = &signature.constness {
        return Err(Error::new(
            constness.span,
            "a `const fn` cannot be measured: it may run in the compiler, where there is no clock",
        ));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new_spanned(
            variadic,
            "a function with `...` cannot be measured: its arguments cannot move into a closure",
        ));
    }
    Ok(())
}

/// The error for a function that returns a future which the attribute cannot reach.
pub(crate) fn measures_only_the_building(signature: &Signature) -> Error {
    let message = "`#[phase]` would measure only the building of this future, not its run; \
                   make this an `async fn` (under `#[async_trait]` as well), \
                   or wrap the future in the body: `future.phase(&PHASE)`";
    match &signature.output {
        syn::ReturnType::Type(_, output) => Error::new_spanned(output, message),
        syn::ReturnType::Default => Error::new(Span::call_site(), message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item: &str, expected: &str) {
        let shown = match syn::parse_str::<Function>(item) {
            Ok(function) => format!("{} {{ {} }}", function.signature.ident, function.body),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn functions_of_every_kind_are_read() {
        check("fn a() {}", "a {  }");
        check("#[inline] pub(crate) async unsafe fn b<T>(&self, mut x: T) -> T where T: Copy { x }", "b { x }");
        check("default unsafe extern \"C\" fn c() { #![allow(dead_code)] 1 }", "c { 1 }");
    }

    #[test]
    fn what_is_no_function_is_refused() {
        let expected = "`#[phase]` measures a function; put it on each function to measure";
        for item in [
            "struct A;",
            "impl A { fn a() {} }",
            "const A: u8 = 1;",
            "type A = fn();",
            "extern crate a;",
            "unsafe trait A {}",
        ] {
            check(item, expected);
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        check("fn a();", "`#[phase]` needs a body to measure; put it on the functions that implement this one");
        check(
            "const fn a() {}",
            "a `const fn` cannot be measured: it may run in the compiler, where there is no clock",
        );
        check(
            "unsafe extern \"C\" fn a(n: usize, ...) {}",
            "a function with `...` cannot be measured: its arguments cannot move into a closure",
        );
    }
}
