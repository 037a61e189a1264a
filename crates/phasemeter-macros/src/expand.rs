//! The rewritten function.
//!
//! Every token written here has the span of the attribute and its hygiene, so that no name of ours meets one of the
//! user's and no lint mistakes ours for theirs. The user's tokens keep their spans, so errors in them show their lines.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Block, Expr, Result, Stmt, Type, token};

use crate::arguments::Arguments;
use crate::function::{self, Function};
use crate::returned::{Future, Value};

/// The measured function; after a mistake the function as it was, so that the mistake is the only error.
pub(crate) fn phase(arguments: TokenStream, item: TokenStream) -> TokenStream {
    measured(arguments, item.clone()).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#error #item)
    })
}

fn measured(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = syn::parse2(arguments);
    let function: Function = syn::parse2(item)?;
    let call = Call::new(&arguments?);
    let body = body(&call, &function)?;

    let Function { attributes, visibility, defaultness, signature, inner_attributes, .. } = &function;
    Ok(quote_spanned! { Span::mixed_site() =>
        #(#attributes)* #visibility #defaultness #signature {
            #(#inner_attributes)*
            #body
        }
    })
}

fn body(call: &Call, function: &Function) -> Result<TokenStream> {
    let signature = &function.signature;
    let value = Value::of(&signature.output);
    let block = braced(function);
    let future = Future::of(&signature.output);
    if signature.asyncness.is_some() {
        let typed = typed_returns(&value);
        let allowed = future.map(|_| {
            quote! {
                #[allow(clippy::async_yields_async, reason = "the signature says that the future returns a future")]
            }
        });
        return Ok(call.run_async(&quote_spanned!(Span::mixed_site() => #allowed async move { #typed #block }), &value));
    }
    match future {
        None => Ok(call.run_sync(&block, &value)),
        Some(Future::Boxed(output)) => {
            boxed(call, block, output).ok_or_else(|| function::measures_only_the_building(signature))
        }
        Some(Future::Other) => Err(function::measures_only_the_building(signature)),
    }
}

/// A body that ends in `Box::pin(async move { … })`, as `#[async_trait]` writes it: measures the block inside.
fn boxed(call: &Call, block: TokenStream, output: Box<Type>) -> Option<TokenStream> {
    let mut block: Block = syn::parse2(block).ok()?;
    let Some(Stmt::Expr(Expr::Call(pin), None)) = block.stmts.last_mut() else { return None };
    let Expr::Path(function) = &*pin.func else { return None };
    let mut names = function.path.segments.iter().rev().map(|segment| &segment.ident);
    let is_pin = names.next()? == "pin" && names.next()? == "Box";
    let Some(argument @ Expr::Async(_)) = pin.args.first_mut() else { return None };
    let measured = call.run_async(&argument.to_token_stream(), &Value::Named(output));
    *argument = Expr::Verbatim(quote_spanned!(Span::mixed_site() => async move { #measured }));
    let stmts = &block.stmts;
    is_pin.then(|| quote!(#(#stmts)*))
}

/// The body in braces that stand where its own do, but count as ours: in their new place they may look unneeded.
fn braced(function: &Function) -> TokenStream {
    let mut block = TokenStream::new();
    let brace = token::Brace(Span::mixed_site().located_at(function.brace.span.join()));
    brace.surround(&mut block, |inside| function.body.to_tokens(inside));
    block
}

/// Tells the compiler what an `async` block returns, which has no place for a type; without it `?` cannot infer. Never
/// returns: there is no value.
fn typed_returns(value: &Value) -> TokenStream {
    let ty = match value {
        Value::Named(ty) => ty.to_token_stream(),
        Value::Unit => quote!(()),
        Value::Unnamed(_) => return TokenStream::new(),
    };
    quote_spanned! { Span::mixed_site() =>
        if let ::core::option::Option::Some(value) = ::core::option::Option::None::<#ty> {
            return value;
        }
    }
}

/// The parts of the rewritten body that follow from the attribute's arguments.
struct Call {
    /// `phasemeter`.
    home: TokenStream,
    /// `phasemeter::__private`.
    private: TokenStream,
    /// `&PHASE`.
    phase: TokenStream,
    /// `counts(phase).items(…).bytes(…).item(…)`.
    counts: TokenStream,
}

impl Call {
    fn new(arguments: &Arguments) -> Self {
        let site = Span::mixed_site();
        let home =
            arguments.home.as_ref().map_or_else(|| quote_spanned!(site => ::phasemeter), ToTokens::to_token_stream);
        let private = quote_spanned!(site => #home::__private);
        let phase = &arguments.phase;
        let phase = quote_spanned!(site.located_at(phase.span()) => &#phase);
        let items = arguments.items.iter().map(|n| quote_spanned!(site.located_at(n.span()) => .items(#n)));
        let bytes = arguments.bytes.iter().map(|n| quote_spanned!(site.located_at(n.span()) => .bytes(#n)));
        let item = arguments.item.iter().map(|key| quote_spanned!(site.located_at(key.span()) => .item(#key)));
        let counts = quote_spanned!(site => #private::counts(phase) #(#items)* #(#bytes)* #(#item)*);
        Self { home, private, phase, counts }
    }

    fn run_sync(&self, block: &TokenStream, value: &Value) -> TokenStream {
        let Self { home, private, phase, counts } = self;
        let error_type = self.error_type(value);
        let site = Span::mixed_site();
        let output = match value {
            Value::Named(ty) | Value::Unnamed(ty) => ty.to_token_stream(),
            Value::Unit => quote_spanned!(site => ()),
        };
        quote_spanned! { site =>
            let phase: &#home::Phase = #phase;
            let counts = #counts;
            #private::run_sync(phase, counts, move || -> #output #block, #error_type)
        }
    }

    fn run_async(&self, future: &TokenStream, value: &Value) -> TokenStream {
        let Self { home, private, phase, counts } = self;
        let error_type = self.error_type(value);
        quote_spanned! { Span::mixed_site() =>
            let phase: &#home::Phase = #phase;
            let counts = #counts;
            #private::run_async(phase, counts, #future, #error_type).await
        }
    }

    /// The closure that tells an error from a success. Its argument has a type, because a method looked up on a type
    /// not yet inferred would be taken for that of `Result`; what cannot be named is no `Result` and always a success.
    fn error_type(&self, value: &Value) -> TokenStream {
        let private = &self.private;
        let site = Span::mixed_site();
        let Value::Named(ty) = value else {
            return quote_spanned!(site => |_| ::core::option::Option::None);
        };
        quote_spanned! { site =>
            |value: &#ty| {
                #[allow(unused_imports, reason = "which of them is used depends on the type")]
                use #private::{ViaAny as _, ViaBoxed as _, ViaError as _, ViaResult as _, ViaSendBoxed as _};
                (&&&&&#private::Probe(value)).probed_error_type()
            }
        }
    }
}
